import Foundation

/// Rows whose responses are a few short texts, each again and again: a classification put as text.
///
/// Its NLL falls to what the frequencies of the texts alone give, whatever the prompts say, and then looks as if
/// something had been learnt.
public struct ResponseBalance: Sendable, Codable, Equatable {
  public struct Part: Sendable, Codable, Equatable {
    public var response: String
    /// Share of the rows, 0 to 1.
    public var share: Double
  }

  /// The most different responses, and the most characters of one, that are taken for classes.
  static let mostClasses = 20
  static let mostCharacters = 40
  /// Rows with a `label` name their classes themselves: as many as these.
  static let mostLabels = 1000
  /// Rows that are read; shares of more rows are those of the first.
  static let mostRows = 100_000

  /// The most frequent first.
  public var parts: [Part]
  /// Mean labelled tokens of a row.
  var tokensPerRow: Double

  /// The NLL, in nats a response token, of answering by the frequencies alone: the entropy of the responses over the
  /// tokens of one.
  public var frequencyNLL: Double {
    parts.reduce(0) { $0 - $1.share * log($1.share) } / max(1, tokensPerRow)
  }

  /// What to tell before training, in one line.
  public var warning: String {
    let shown = parts.prefix(3).map { part in
      let text = part.response.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      return "\"\(text.prefix(Self.mostCharacters))\" \(String(format: "%.0f%%", 100 * part.share))"
    }
    let more = parts.count > shown.count ? ", …" : ""
    let majority = parts.first?.share ?? 0
    return "classification by text: the responses are \(parts.count) short "
      + "\(parts.count == 1 ? "text" : "texts") (\(shown.joined(separator: ", "))\(more)). NLL falls to "
      + "\(String(format: "%.3f", frequencyNLL)) by learning how often each comes, without reading a prompt: judge by motet "
      + "evaluate --metric exact-match, where the most frequent one alone scores "
      + "\(String(format: "%.3f", majority)). A classification task, with a head of its own, is to come"
  }
}

extension TrainingData {
  /// The responses' balance where the rows are a classification put as text; nil for other rows.
  ///
  /// Reads rows again, of other data only as many as it takes to see that.
  /// - Throws: ``DatasetError/changed(file:)``
  public func responseBalance() throws -> ResponseBalance? {
    var counter = ResponseCounter()
    do {
      try forEachRow { position, entry, parsed in
        guard position < ResponseBalance.mostRows else { throw EnoughRows() }
        guard counter.add(parsed, tokens: Int(entry.labels)) else { throw EnoughRows() }
      }
    } catch is EnoughRows {}
    return counter.balance()
  }

  private struct EnoughRows: Error {}
}

/// Counts responses until they are too many to be classes.
private struct ResponseCounter {
  private var counts: [String: Int] = [:]
  private var rows = 0
  private var tokens = 0
  private var labelled = 0
  private var areLong = false

  /// - Returns: false when the rows are no classification, whatever else follows
  mutating func add(_ parsed: ParsedRow, tokens: Int) -> Bool {
    let response = parsed.row.response
    rows += 1
    self.tokens += tokens
    if parsed.label != nil { labelled += 1 }
    if response.count > ResponseBalance.mostCharacters { areLong = true }
    counts[response, default: 0] += 1
    return !isOver && !response.isEmpty
  }

  /// Whether all rows name their class in a field of its own.
  private var haveLabels: Bool { labelled == rows }
  private var isOver: Bool {
    haveLabels
      ? counts.count > ResponseBalance.mostLabels : areLong || counts.count > ResponseBalance.mostClasses
  }

  func balance() -> ResponseBalance? {
    let isRepeated = haveLabels ? rows >= 2 * counts.count : rows >= 20 && rows >= 5 * counts.count
    guard rows > 0, !isOver, counts[""] == nil, isRepeated else { return nil }
    let parts = counts.map { ResponseBalance.Part(response: $0, share: Double($1) / Double(rows)) }
      .sorted { ($1.share, $0.response) < ($0.share, $1.response) }
    return ResponseBalance(parts: parts, tokensPerRow: Double(tokens) / Double(rows))
  }
}
