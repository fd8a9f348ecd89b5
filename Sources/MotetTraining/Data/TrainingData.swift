import Foundation
import MotetModels

/// Rows of one or several files of any size. They are read once, to find where each lies, what it counts and
/// what is wrong with it; an example is read from its file again when it is needed.
///
///     let data = try TrainingData(files: [WeightedFile("math.jsonl"), WeightedFile("chat.jsonl", weight: 0.5)], base: base)
///     let (training, validation) = try data.split(validation: 0.05, seed: 0)
///     print(data.report.text())
///
/// What stays in memory is 48 bytes a row. Compressed files, tables, folders of documents and standard input (`-`) are
/// written to a temporary file of rows first, which goes when nobody holds the data.
public struct TrainingData: ExampleSource {
  public let files: [WeightedFile]
  public let maximumLength: Int?
  /// The field whose values ``group(at:)`` gives.
  public var groupField: String? { reading.groupField }
  /// Which columns are what.
  public var columns: RowColumns { reading.columns }
  public let digest: String
  /// What was found when the rows were read.
  public let report: DataReport

  let sources: [DataFile]
  let index: RowIndex
  let encoder: RowEncoder
  let reading: RowReading
  /// The entries of the index that are here, in order; nil for all.
  let selection: [UInt32]?

  /// - Parameters:
  ///   - maximumLength: tokens to cut longer rows to; nil refuses rows longer than the context
  ///   - columns: which columns are what; what it does not name is found by looking
  ///   - groupField: a field of the rows' objects to tell groups by
  ///   - dropsBadRows: leaves out rows that cannot be used and says so in ``report``, in place of an error
  ///   - onProgress: told after each row; cheap to ignore
  /// - Throws: ``DatasetError`` with the file and the line
  public init(
    files: [WeightedFile], base: BaseModel, maximumLength: Int? = nil, columns: RowColumns = RowColumns(),
    groupField: String? = nil, dropsBadRows: Bool = false, onProgress: (DataProgress) -> Void = { _ in }
  ) throws {
    try self.init(
      files: files, encoder: RowEncoder(base), maximumLength: maximumLength, columns: columns,
      groupField: groupField, dropsBadRows: dropsBadRows, onProgress: onProgress)
  }

  /// The same without a model in memory.
  public init(
    files: [WeightedFile], encoder: RowEncoder, maximumLength: Int? = nil,
    columns: RowColumns = RowColumns(), groupField: String? = nil, dropsBadRows: Bool = false,
    onProgress: (DataProgress) -> Void = { _ in }
  ) throws {
    if let maximumLength, !(2...max(2, encoder.contextLength)).contains(maximumLength) {
      throw DatasetError.maximumLength(value: maximumLength, context: encoder.contextLength)
    }
    for file in files { try file.validate() }
    let reading = RowReading(columns: columns, groupField: groupField)
    var reader = IndexReader(
      encoder: encoder, maximumLength: maximumLength, reading: reading, dropsBadRows: dropsBadRows)
    let pieces = DocumentPieces(encoder, maximumLength: maximumLength)
    let sources = try files.map { try DataFile($0.path, reading: reading, pieces: pieces) }
    try reader.read(sources, onProgress: onProgress)
    self.files = files
    self.maximumLength = maximumLength
    self.sources = sources
    self.encoder = encoder
    self.reading = reading
    index = reader.index
    selection = nil
    digest = reader.digest.finalize()
    report = DataReport(
      files: files, index: reader.index, selection: nil, dropped: reader.dropped,
      notes: zip(sources, reader.notes).map { ($1.shape, $0.notes + $1.lines) })
  }

  /// Some of the rows of `whole`.
  init(_ whole: TrainingData, selection: [UInt32], digest: String) {
    files = whole.files
    maximumLength = whole.maximumLength
    sources = whole.sources
    encoder = whole.encoder
    reading = whole.reading
    index = whole.index
    self.selection = selection
    self.digest = digest
    report = DataReport(files: whole.files, index: whole.index, selection: selection, dropped: [])
  }

  public var count: Int { selection?.count ?? index.entries.count }
  public func tokenCount(at index: Int) -> Int { Int(entry(at: index).tokens) }
  /// Tokens whose prediction counts.
  public func labelCount(at index: Int) -> Int { Int(entry(at: index).labels) }
  /// Where the row stands.
  public func place(at index: Int) -> (file: String, line: Int) {
    let entry = entry(at: index)
    return (files[Int(entry.file)].path, Int(entry.line))
  }

  /// The value of ``groupField``; nil when the row has none.
  public func group(at index: Int) -> String? {
    let group = entry(at: index).group
    return group == RowIndex.noGroup ? nil : self.index.groups[Int(group)]
  }

  public func example(at index: Int) throws -> Example {
    let entry = entry(at: index)
    let source = sources[Int(entry.file)]
    let parsed = try parsed(entry, of: source, in: source.open())
    guard
      let example = try? encoder.encode(parsed.row, maximumLength: maximumLength, file: source.path).example,
      example.tokens.count == Int(entry.tokens)
    else { throw DatasetError.changed(file: source.path) }
    return example
  }

  func entry(at index: Int) -> RowIndex.Entry {
    self.index.entries[selection.map { Int($0[index]) } ?? index]
  }

  /// The row again.
  func parsed(_ entry: RowIndex.Entry) throws -> ParsedRow {
    let source = sources[Int(entry.file)]
    return try parsed(entry, of: source, in: source.open())
  }

  private func parsed(_ entry: RowIndex.Entry, of source: DataFile, in file: OpenFile) throws -> ParsedRow {
    let bytes = try file.bytes(at: entry.offset, count: Int(entry.byteCount))
    guard let parsed = try? ParsedRow(Data(bytes), of: source, line: Int(entry.line), reading: reading)
    else { throw DatasetError.changed(file: source.path) }
    return parsed
  }

  /// Reads every row again, in order.
  func forEachRow(_ body: (Int, RowIndex.Entry, ParsedRow) throws -> Void) throws {
    var open: (number: Int, file: OpenFile)?
    for position in 0..<count {
      if position & 0x3ff == 0 { try Task.checkCancellation() }
      let entry = entry(at: position)
      let number = Int(entry.file)
      if open?.number != number { open = (number, try sources[number].open()) }
      guard let open else { return }
      try body(position, entry, parsed(entry, of: sources[number], in: open.file))
    }
    for source in sources { _ = try source.open() }
  }
}

/// How far a reading of files is.
public struct DataProgress: Sendable, Equatable {
  /// The file under way.
  public let file: String
  /// Of all files.
  public let bytesDone: Int
  public let bytes: Int
  public let rows: Int
}
