extension TrainingData {
  /// The same rows with what ``maximumLength`` cut off, up to the model's context.
  ///
  /// Rows to be judged by are measured whole, as `motet evaluate` measures them: an NLL over the beginnings of rows is
  /// another number. Rows longer than the context stay cut, to the context; ``report`` counts them.
  /// - Parameter virtualTokens: places of the context that the adapter takes
  /// - Throws: ``DatasetError/changed(file:)``
  func uncut(virtualTokens: Int = 0) throws -> TrainingData {
    guard maximumLength != nil, report.total.truncatedRows > 0 else { return self }
    var whole = RowIndex(groupsOf: index)
    let limit = encoder.contextLength - virtualTokens
    try forEachRow { _, entry, parsed in
      guard entry.cut > 0 else { return whole.entries.append(entry) }
      let path = sources[Int(entry.file)].path
      guard let encoded = try? encoder.encode(parsed.row, maximumLength: limit, file: path) else {
        throw DatasetError.changed(file: path)
      }
      whole.entries.append(
        RowIndex.Entry(
          offset: entry.offset, byteCount: entry.byteCount, line: entry.line,
          tokens: UInt32(encoded.example.tokens.count), labels: UInt32(encoded.example.labelCount),
          cut: UInt32(encoded.cut),
          group: entry.group, file: entry.file, words: entry.words))
    }
    return TrainingData(self, index: whole, maximumLength: limit)
  }

  /// `rows` as another reading of them found them.
  private init(_ rows: TrainingData, index: RowIndex, maximumLength: Int) {
    files = rows.files
    self.maximumLength = maximumLength
    reading = rows.reading
    sources = rows.sources
    encoder = rows.encoder
    digest = rows.digest
    self.index = index
    selection = nil
    report = DataReport(files: rows.files, index: index, selection: nil, dropped: [])
  }
}
