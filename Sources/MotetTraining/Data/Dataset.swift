import Foundation
import MotetModels

/// Rows of data read into memory.
///
///     let data = try Dataset(contentsOf: "math.jsonl")
///
/// JSONL, JSON, CSV, TSV, a folder of `.md` and `.txt` files, each plain or gzip, or `-` for standard input. The shape
/// of the rows is found by looking: `{"prompt","response"}`, `{"messages":[…]}`, ShareGPT's `conversations`,
/// `{"instruction","input","output"}`, `{"question","answer"}`, `{"text","label"}`, `{"text"}` and their like.
/// Files larger than memory are read by ``TrainingData``.
public struct Dataset: Sendable {
  public var rows: [DatasetRow]
  /// The file, or what the rows are called in errors.
  public var name: String
  /// What was not used, or not taken as it stands: each said once for all its rows.
  public var notes: [String] = []

  public init(_ rows: [DatasetRow], name: String = "data") {
    self.rows = rows
    self.name = name
  }

  /// - Parameters:
  ///   - columns: which columns are what; what it does not name is found by looking
  ///   - encoder: of the base that the rows are for: conversations that are written out in its template are read as
  ///     such, and documents are packed to its context; nil takes rows as they stand
  /// - Throws: ``DatasetError`` with the file and the row
  public init(
    contentsOf path: String, columns: RowColumns = RowColumns(), for encoder: RowEncoder? = nil
  ) throws {
    let reading = RowReading(columns: columns)
    let file = try DataFile(
      path, reading: reading, pieces: encoder.map { DocumentPieces($0, maximumLength: nil) })
    var scanner = try RowScanner(file.open(), layout: file.layout)
    var rows: [DatasetRow] = []
    var notes = RowNotes()
    while let scanned = try scanner.next() {
      let parsed = try ParsedRow(scanned, of: file, reading: reading)
      let (row, remarks) = try encoder?.resolved(parsed.row, file: file.path) ?? (parsed.row, [])
      notes.add(parsed, remarks, line: scanned.line)
      rows.append(row)
    }
    guard !rows.isEmpty else { throw DatasetError.empty(file: file.path) }
    self.init(rows, name: file.path)
    self.notes = (file.notes + notes.remarkLines).map { "\(file.path): \($0)" }
  }

  public init(contentsOf url: URL) throws { try self.init(contentsOf: url.path) }

  /// SHA-256 over the rows' words, in hexadecimal.
  public var digest: String {
    var digest = RowsDigest()
    for row in rows { digest.add(row.words) }
    return digest.finalize()
  }

  /// The rows as token sequences.
  /// - Parameter maximumLength: longer rows lose their end; a row that has no label left is an error
  public func examples(for base: BaseModel, maximumLength: Int? = nil) throws -> [Example] {
    let encoder = RowEncoder(base)
    return try rows.map { try encoder.encode($0, maximumLength: maximumLength, file: name).example }
  }
}
