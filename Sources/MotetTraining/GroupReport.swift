import Foundation
import MotetReport

/// The NLL of a set by groups of its rows, so that it shows whom a model serves worse.
///
///     let report = GroupReport(field: "region", groups: groups, before: before, after: after, labels: labels)
///     print(report.text())
public struct GroupReport: Sendable, Codable, Equatable {
  public struct Group: Sendable, Codable, Equatable {
    /// nil for rows without the field.
    public var name: String?
    public var rows: Int
    /// Label tokens: what the means are taken over.
    public var tokens: Int
    /// Mean NLL in nats over the group's label tokens.
    public var before: Double?
    public var after: Double
    /// ``after`` less that of the whole set; above 0 is worse.
    public var difference: Double
    /// The standard error of ``after`` over rows (of a ratio; Cochran 1977, section 6.4); nil for a single row.
    public var standardError: Double?
  }

  public var field: String
  public var before: Double?
  public var after: Double
  /// The worst first.
  public var groups: [Group]

  /// - Parameters:
  ///   - groups: for each row its group
  ///   - labels: for each row its label tokens
  public init(field: String, groups: [String?], labels: [Int], before: NLL?, after: NLL) {
    func mean(_ rows: [Int], _ nll: NLL) -> Double {
      let tokens = rows.reduce(0) { $0 + labels[$1] }
      return rows.reduce(0) { $0 + nll.byRow[$1] * Double(labels[$1]) } / Double(max(1, tokens))
    }
    let rows = 0..<min(groups.count, labels.count, after.byRow.count, before?.byRow.count ?? .max)
    let overall = mean(Array(rows), after)
    self.field = field
    self.after = overall
    self.before = before.map { mean(Array(rows), $0) }
    self.groups = Dictionary(grouping: rows) { groups[$0] }.map { name, rows in
      let value = mean(rows, after)
      return Group(
        name: name, rows: rows.count, tokens: rows.reduce(0) { $0 + labels[$1] },
        before: before.map { mean(rows, $0) }, after: value, difference: value - overall,
        standardError: Self.standardError(of: value, rows: rows, labels: labels, nll: after))
    }.sorted { ($1.difference, $0.name ?? "") < ($0.difference, $1.name ?? "") }
  }

  /// Of a mean over tokens that come in rows: the tokens of one row are not independent of each other.
  private static func standardError(of mean: Double, rows: [Int], labels: [Int], nll: NLL) -> Double? {
    let tokens = rows.reduce(0) { $0 + labels[$1] }
    guard rows.count > 1, tokens > 0 else { return nil }
    let squares = rows.reduce(0.0) { sum, row in
      let residual = (nll.byRow[row] - mean) * Double(labels[row])
      return sum + residual * residual
    }
    let count = Double(rows.count)
    return (squares * count / (count - 1)).squareRoot() / Double(tokens)
  }
}

extension GroupReport {
  /// A line for each group, and one for all; `*` marks differences of more than two standard errors.
  var table: TextTable {
    func number(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "–" }
    let lines = groups.map { group in
      let isClear = group.standardError.map { abs(group.difference) > 2 * $0 } ?? false
      return [
        group.name ?? "(none)", grouped(group.rows), grouped(group.tokens), number(group.before),
        number(group.after), String(format: "%+.4f", group.difference), number(group.standardError),
        isClear ? "*" : "",
      ]
    }
    return TextTable(
      header: [field, "rows", "tokens", "NLL before", "NLL after", "difference", "± error", ""],
      rows: lines + [
        [
          "all", grouped(groups.reduce(0) { $0 + $1.rows }), grouped(groups.reduce(0) { $0 + $1.tokens }),
          number(before), number(after), "", "", "",
        ]
      ])
  }

  /// The table for terminals.
  public func text() -> String { table.text() + "\n* more than two standard errors from all" }
}
