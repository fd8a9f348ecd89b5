import Foundation

/// The one reading of all files that makes the index.
struct IndexReader {
  let encoder: RowEncoder
  let maximumLength: Int?
  let reading: RowReading
  let dropsBadRows: Bool

  private(set) var index = RowIndex()
  private(set) var digest = RowsDigest()
  /// By file.
  private(set) var dropped: [DroppedRows] = []
  /// By file.
  private(set) var notes: [RowNotes] = []

  init(encoder: RowEncoder, maximumLength: Int?, reading: RowReading, dropsBadRows: Bool) {
    self.encoder = encoder
    self.maximumLength = maximumLength
    self.reading = reading
    self.dropsBadRows = dropsBadRows
  }

  mutating func read(_ sources: [DataFile], onProgress: (DataProgress) -> Void) throws {
    let bytes = sources.reduce(0) { $0 + $1.stamp.size }
    var bytesBefore = 0
    var fields: [String] = []
    for (number, source) in sources.enumerated() {
      let first = index.entries.count
      dropped.append(DroppedRows())
      notes.append(RowNotes())
      var scanner = try RowScanner(source.open(), layout: source.layout)
      while let scanned = try scanner.next() {
        if scanned.line & 0xff == 0 { try Task.checkCancellation() }
        try add(scanned, of: source, number: number, fields: &fields)
        onProgress(
          DataProgress(
            file: source.path, bytesDone: bytesBefore + scanner.bytesDone, bytes: bytes,
            rows: index.entries.count))
      }
      if index.entries.count == first {
        throw dropped[number].firstError ?? DatasetError.empty(file: source.path)
      }
      bytesBefore += source.stamp.size
      _ = try source.open()
    }
    if let groupField = reading.groupField, index.groups.isEmpty, let first = sources.first {
      throw DatasetError.unknownField(name: groupField, file: first.path, found: fields)
    }
  }

  private mutating func add(
    _ scanned: RowScanner.Row, of source: DataFile, number: Int, fields: inout [String]
  ) throws {
    do {
      let parsed = try ParsedRow(scanned, of: source, reading: reading)
      let encoded = try encoder.encode(parsed.row, maximumLength: maximumLength, file: source.path)
      let words = parsed.row.words
      let group = try index.number(ofGroup: parsed.group, field: reading.groupField)
      index.entries.append(
        RowIndex.Entry(
          offset: scanned.range.lowerBound, byteCount: UInt32(scanned.range.count),
          line: UInt32(clamping: scanned.line), tokens: UInt32(encoded.example.tokens.count),
          labels: UInt32(encoded.example.labelCount), cut: UInt32(encoded.cut),
          group: group, file: UInt32(number),
          words: stableHash(words.utf8)))
      digest.add(words)
      notes[number].add(parsed, encoded.remarks, line: scanned.line)
      if fields.isEmpty { fields = parsed.fields }
    } catch let error as DatasetError where dropsBadRows && error.isOfOneRow {
      dropped[number].add(error, line: scanned.line)
    }
  }
}

/// Rows of one file that were left out.
struct DroppedRows: Sendable {
  /// Line numbers that are kept for each kind of fault.
  static let linesKept = 1000

  private(set) var kinds: [DataReport.Dropped] = []
  private(set) var firstError: DatasetError?

  mutating func add(_ error: DatasetError, line: Int) {
    if firstError == nil { firstError = error }
    let reason = error.kindOfProblem
    let place = kinds.firstIndex { $0.reason == reason } ?? kinds.count
    if place == kinds.count { kinds.append(DataReport.Dropped(reason: reason, rows: 0, lines: [])) }
    kinds[place].rows += 1
    if kinds[place].lines.count < Self.linesKept { kinds[place].lines.append(line) }
  }
}
