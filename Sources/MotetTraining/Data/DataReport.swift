/// What a set of rows is like: printed before training, so that a slip is seen before it costs an hour.
public struct DataReport: Sendable, Codable, Equatable {
  /// Tokens of rows, after cutting.
  public struct Lengths: Sendable, Codable, Equatable {
    public var minimum: Int
    public var median: Int
    public var p90: Int
    public var p99: Int
    public var maximum: Int
    public var mean: Double
  }

  /// Rows that were left out for the same reason.
  public struct Dropped: Sendable, Codable, Equatable {
    public var reason: String
    public var rows: Int
    /// The first thousand.
    public var lines: [Int]
  }

  public struct File: Sendable, Codable, Equatable {
    public var path: String
    public var weight: Double
    /// What the rows were read as, such as `prompt/completion`.
    public var shape: String
    /// What was not used or not taken as it stands, each said once for all its rows.
    public var notes: [String]
    public var counts: Counts
    public var dropped: [Dropped]
  }

  public struct Counts: Sendable, Codable, Equatable {
    public var rows = 0
    public var tokens = 0
    /// Tokens whose prediction counts.
    public var labelledTokens = 0
    public var truncatedRows = 0
    public var truncatedTokens = 0
    public var lengths: Lengths
    /// Rows that stand before, here or in a file before.
    public var duplicates = 0
  }

  /// A row that stands before.
  public struct Duplicate: Sendable, Codable, Equatable {
    public var file: String
    public var line: Int
    public var firstFile: String
    public var firstLine: Int
  }

  public var files: [File]
  public var total: Counts
  /// The first few, by place.
  public var duplicates: [Duplicate]

  public var droppedRows: Int { files.reduce(0) { $0 + $1.dropped.reduce(0) { $0 + $1.rows } } }
}

extension DataReport {
  static let duplicatesShown = 10

  init(
    files: [WeightedFile], index: RowIndex, selection: [UInt32]?, dropped: [DroppedRows],
    notes: [(shape: String, lines: [String])] = []
  ) {
    func entry(_ position: Int) -> RowIndex.Entry {
      index.entries[selection.map { Int($0[position]) } ?? position]
    }
    let count = selection?.count ?? index.entries.count
    var byFile = [CountsBuilder](repeating: CountsBuilder(), count: files.count)
    var all = CountsBuilder()
    let repeats = Repeats((0..<count).lazy.map { entry($0).words })
    var nextRepeat = repeats.positions[...]
    var shown: [Duplicate] = []
    for position in 0..<count {
      let entry = entry(position)
      let first = nextRepeat.first?.position == position ? nextRepeat.popFirst()?.first : nil
      all.add(entry, isDuplicate: first != nil)
      byFile[Int(entry.file)].add(entry, isDuplicate: first != nil)
      if let first, shown.count < Self.duplicatesShown {
        let original = index.entries[selection.map { Int($0[first]) } ?? first]
        shown.append(
          Duplicate(
            file: files[Int(entry.file)].path, line: Int(entry.line),
            firstFile: files[Int(original.file)].path, firstLine: Int(original.line)))
      }
    }
    self.files = files.enumerated().map { number, file in
      File(
        path: file.path, weight: file.weight, shape: notes.isEmpty ? "" : notes[number].shape,
        notes: notes.isEmpty ? [] : notes[number].lines, counts: byFile[number].finished(),
        dropped: dropped.isEmpty ? [] : dropped[number].kinds)
    }
    total = all.finished()
    duplicates = shown
  }
}

/// Gathers ``DataReport/Counts``; lengths as a histogram, so that memory does not grow with the rows.
private struct CountsBuilder {
  private var counts = DataReport.Counts(
    lengths: .init(minimum: 0, median: 0, p90: 0, p99: 0, maximum: 0, mean: 0))
  private var histogram: [UInt32: Int] = [:]

  mutating func add(_ entry: RowIndex.Entry, isDuplicate: Bool) {
    counts.rows += 1
    counts.tokens += Int(entry.tokens)
    counts.labelledTokens += Int(entry.labels)
    if entry.cut > 0 { counts.truncatedRows += 1 }
    counts.truncatedTokens += Int(entry.cut)
    if isDuplicate { counts.duplicates += 1 }
    histogram[entry.tokens, default: 0] += 1
  }

  func finished() -> DataReport.Counts {
    var result = counts
    let lengths = histogram.sorted { $0.key < $1.key }
    /// The length that a share of the rows does not exceed (nearest rank).
    func percentile(_ share: Double) -> Int {
      var left = max(1, Int((share * Double(counts.rows)).rounded(.up)))
      for (length, rows) in lengths {
        left -= rows
        if left <= 0 { return Int(length) }
      }
      return 0
    }
    result.lengths = DataReport.Lengths(
      minimum: Int(lengths.first?.key ?? 0), median: percentile(0.5), p90: percentile(0.9),
      p99: percentile(0.99), maximum: Int(lengths.last?.key ?? 0),
      mean: Double(counts.tokens) / Double(max(1, counts.rows)))
    return result
  }
}
