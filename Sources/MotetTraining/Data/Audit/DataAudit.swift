/// Training data read as a careful person would: what is in it that should not be, and what is missing.
///
///     let audit = try DataAudit(of: data)
///     print(audit.text())
///
/// Nothing of the rows' text is in it: counts, kinds and line numbers only. Time is linear in the data, memory about
/// 70 bytes a row.
public struct DataAudit: Sendable, Codable, Equatable {
  public struct Place: Sendable, Codable, Equatable {
    public var file: String
    public var line: Int
  }

  /// Secrets or personal data of one kind.
  public struct Finding: Sendable, Codable, Equatable {
    public var kind: SensitiveKind
    public var count: Int
    public var rows: Int
    /// The first hundred rows.
    public var places: [Place]
  }

  /// A row that is nearly another.
  public struct NearDuplicate: Sendable, Codable, Equatable {
    public var place: Place
    public var earlier: Place
  }

  public struct LanguageShare: Sendable, Codable, Equatable {
    public var language: Language
    /// Rows with a message in it.
    public var rows: Int
    /// Of all bytes of text.
    public var share: Double
  }

  public var rows: Int
  /// Of the rows' text.
  public var bytes: Int
  /// By label, by group and by file, where there are several.
  public var balances: [DataBalance]
  /// Rows that nearly repeat an earlier row; exact duplicates are in ``DataReport``.
  public var nearDuplicateRows: Int
  /// The first hundred.
  public var nearDuplicates: [NearDuplicate]
  /// By kind, secrets first.
  public var findings: [Finding]
  /// The largest first.
  public var languages: [LanguageShare]

  static let placesKept = 100
}

extension DataAudit {
  /// Reads all rows once, and near-duplicates once more.
  /// - Parameter onProgress: told how many rows are done
  /// - Throws: ``DatasetError/changed(file:)``
  public init(of data: TrainingData, onProgress: (Int) -> Void = { _ in }) throws {
    var reader = AuditReader(data)
    try data.forEachRow { position, entry, parsed in
      reader.add(parsed, entry, at: position)
      onProgress(position + 1)
    }
    rows = data.count
    bytes = reader.bytes
    balances = reader.balances()
    findings = reader.findings()
    languages = reader.languages()
    let pairs = try reader.nearDuplicates.pairs { position in
      let entry = data.entry(at: position)
      return try data.parsed(entry).row.plainText
    }
    nearDuplicateRows = pairs.count
    nearDuplicates = pairs.prefix(Self.placesKept).map {
      NearDuplicate(place: reader.place($0.position), earlier: reader.place($0.earlier))
    }
  }
}

/// What one reading of all rows gathers.
private struct AuditReader {
  private let data: TrainingData
  private(set) var bytes = 0
  private(set) var nearDuplicates = NearDuplicates()
  private var labels = BalanceCounter(field: "label")
  private var groups: BalanceCounter
  private var files = BalanceCounter(field: "file")
  private var sensitive: [SensitiveKind: (count: Int, rows: Int, places: [DataAudit.Place])] = [:]
  private var languageCounts: [Language: (rows: Int, bytes: Int)] = [:]
  private var repeats: ArraySlice<Int>

  init(_ data: TrainingData) {
    self.data = data
    groups = BalanceCounter(field: data.groupField ?? "")
    repeats = Repeats((0..<data.count).lazy.map { data.entry(at: $0).words }).positions.map(\.position)[...]
  }

  func place(_ position: Int) -> DataAudit.Place {
    let place = data.place(at: position)
    return DataAudit.Place(file: place.file, line: place.line)
  }

  mutating func add(_ parsed: ParsedRow, _ entry: RowIndex.Entry, at position: Int) {
    let weight = data.files[Int(entry.file)].weight
    labels.add(parsed.label, weight: weight)
    if data.groupField != nil { groups.add(parsed.group, weight: weight) }
    files.add(data.files[Int(entry.file)].path, weight: weight)
    var found: [SensitiveKind: Int] = [:]
    var spoken: Set<Language> = []
    for var text in parsed.row.texts {
      text.withUTF8 { text in
        SensitiveText(bytes: text).scan { found[$0, default: 0] += 1 }
        let language = LanguageGuess.shared.language(of: text)
        languageCounts[language, default: (0, 0)].bytes += text.count
        spoken.insert(language)
        bytes += text.count
      }
    }
    for language in spoken { languageCounts[language, default: (0, 0)].rows += 1 }
    for (kind, count) in found { add(kind, count, at: position) }
    if repeats.first == position {
      repeats.removeFirst()
    } else {
      nearDuplicates.add(parsed.row.plainText, at: position)
    }
  }

  private mutating func add(_ kind: SensitiveKind, _ count: Int, at position: Int) {
    var entry = sensitive[kind] ?? (0, 0, [])
    entry.count += count
    entry.rows += 1
    if entry.places.count < DataAudit.placesKept { entry.places.append(place(position)) }
    sensitive[kind] = entry
  }

  func balances() -> [DataBalance] {
    [labels.balance(), data.groupField.flatMap { _ in groups.balance() }, files.balance()]
      .compactMap { $0 }.filter { $0.field != "file" || $0.parts.count > 1 }
  }

  func findings() -> [DataAudit.Finding] {
    SensitiveKind.allCases.compactMap { kind in
      sensitive[kind].map {
        DataAudit.Finding(kind: kind, count: $0.count, rows: $0.rows, places: $0.places)
      }
    }
  }

  func languages() -> [DataAudit.LanguageShare] {
    languageCounts.map {
      DataAudit.LanguageShare(
        language: $0, rows: $1.rows, share: Double($1.bytes) / Double(max(1, bytes)))
    }.sorted { ($1.share, $0.language.rawValue) < ($0.share, $1.language.rawValue) }
  }
}

extension DatasetRow {
  /// The contents of its messages, or its text.
  var texts: [String] {
    switch content {
    case .text(let text): [text]
    case .messages(let messages): messages.map(\.content)
    }
  }

  var plainText: String { texts.joined(separator: "\n") }
}
