import Foundation

/// How many rows each class, group or file has.
public struct DataBalance: Sendable, Codable, Equatable {
  public struct Part: Sendable, Codable, Equatable {
    /// nil for rows without the field.
    public var name: String?
    public var rows: Int
    /// Of the rows of an epoch, the files' weights counted.
    public var share: Double
  }

  /// Classes that are told apart; a label with more different values is free text.
  static let limit = 1000

  /// `label`, the field of the groups, or `file`.
  public var field: String
  /// The largest first.
  public var parts: [Part]
  /// The parts' entropy over that of equal parts: 1 when all are alike, near 0 when one has all (Pielou 1966).
  public var evenness: Double
}

/// Counts rows by the value of a field.
struct BalanceCounter {
  private let field: String
  private var counts: [String?: (rows: Int, weight: Double)] = [:]
  private var isFreeText = false

  init(field: String) { self.field = field }

  mutating func add(_ name: String?, weight: Double) {
    if isFreeText { return }
    counts[name, default: (0, 0)].rows += 1
    counts[name, default: (0, 0)].weight += weight
    isFreeText = counts.count > DataBalance.limit
  }

  /// nil when no row has the field, or too many different values stand in it.
  func balance() -> DataBalance? {
    guard !isFreeText, counts.contains(where: { $0.key != nil }) else { return nil }
    let whole = counts.reduce(0) { $0 + $1.value.weight }
    let parts = counts.map { DataBalance.Part(name: $0, rows: $1.rows, share: $1.weight / whole) }
      .sorted { ($1.share, $0.name ?? "") < ($0.share, $1.name ?? "") }
    let entropy = parts.reduce(0) { $0 - $1.share * log($1.share) }
    return DataBalance(
      field: field, parts: parts, evenness: parts.count > 1 ? entropy / log(Double(parts.count)) : 1)
  }
}
