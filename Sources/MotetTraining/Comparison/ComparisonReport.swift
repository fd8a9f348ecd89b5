import Foundation
import MotetReport

/// A comparison for reading: a table for terminals, the same in Markdown, and a page with a plot.
public struct ComparisonReport: Sendable {
  private let result: ComparisonTable
  /// How it was started, as the page tells.
  private let command: String

  public init(_ result: ComparisonTable, command: String = "") {
    self.result = result
    self.command = command
  }

  public func text() -> String {
    ([TextTable(header: header(), rows: rows()).text()] + notes).joined(separator: "\n")
  }

  public func markdown() -> String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    let rule = Column.allCases.map { $0 == .method ? ":--" : "--:" }
    let table = [line(header()), line(rule)] + rows().map(line)
    return table.joined(separator: "\n") + "\n\n" + notes.map { "- \($0)\n" }.joined()
      + (command.isEmpty ? "" : "\n    \(command)\n")
  }

  public func page() -> HTMLPage {
    var page = HTMLPage(
      title: "Methods compared",
      summary:
        "\(result.rows.count) ways of training \(result.base.name) in \(result.base.precision) on the same rows.",
      footer: command.isEmpty ? "Made by motet." : "Made by motet: \(command)")
    // All columns together would be wider than the page.
    page.add(
      "Table",
      [
        .table(header: header(Self.costs), rows: rows(Self.costs)),
        .table(header: header(Self.losses), rows: rows(Self.losses)),
      ] + notes.map { .prose($0) })
    page.add(
      "What was learnt",
      [
        .svg(
          chart("NLL of the validation rows", \.nll),
          caption: before(result.base.nll) + " Orange: nothing is lower with as few parameters.")
      ])
    page.add(
      "What was forgotten",
      [.svg(chart("NLL of plain text", \.plainNLL), caption: before(result.base.plainNLL))])
    let keys = Set(result.rows.flatMap(\.settings.keys)).sorted()
    page.add(
      "Settings",
      [
        .table(
          header: ["setting"] + result.rows.map(\.name),
          rows: keys.map { key in [key] + result.rows.map { Self.brief($0.settings[key] ?? "") } }),
        .table(
          header: [], rows: result.settings.sorted { $0.key < $1.key }.map { [$0.key, Self.brief($0.value)] }),
      ])
    return page
  }

  private func chart(_ title: String, _ value: (ComparisonRow) -> Double?) -> String {
    ScatterChart(
      title: title, xLabel: "trained parameters", yLabel: "nats a token",
      points: result.rows.compactMap { row in
        guard let parameters = row.parameters, let value = value(row) else { return nil }
        return (row.name, Double(parameters), value)
      }
    ).svg()
  }

  private func before(_ nll: Double?) -> String {
    nll.map { "Before training it is \(Self.fixed($0, 4))." } ?? ""
  }

  private enum Column: String, CaseIterable {
    case method, parameters, share
    case disk = "MB on disk"
    case step = "ms a step"
    case peak = "peak MB"
    case before = "NLL before"
    case after = "NLL after"
    case plainBefore = "plain before"
    case plainAfter = "plain after"
    case token = "ms a token"
    case merged
  }

  private static let losses: [Column] = [.method, .before, .after, .plainBefore, .plainAfter]
  private static let costs = Column.allCases.filter { $0 == .method || !losses.contains($0) }

  private func header(_ columns: [Column] = Column.allCases) -> [String] { columns.map(\.rawValue) }

  private func rows(_ columns: [Column] = Column.allCases) -> [[String]] {
    result.rows.map { row in columns.map { cell($0, row) } }
  }

  private func cell(_ column: Column, _ row: ComparisonRow) -> String {
    func thousandths(_ value: Double?, _ decimals: Int) -> String {
      Self.fixed(value.map { 1000 * $0 }, decimals)
    }
    func megabytes(_ bytes: Int?, _ decimals: Int) -> String {
      Self.fixed(bytes.map { Double($0) / 1e6 }, decimals)
    }
    return switch column {
    case .method: row.name
    case .parameters: row.parameters.map(Self.grouped) ?? "–"
    case .share: row.share.map { Self.fixed(100 * $0, 3) + "%" } ?? "–"
    case .disk: megabytes(row.adapterBytes, 2)
    case .step: thousandths(row.secondsPerStep, (row.secondsPerStep ?? 1) < 0.1 ? 1 : 0)
    case .peak: megabytes(row.peakBytes, 0)
    case .before: Self.fixed(result.base.nll, 4)
    case .after: Self.fixed(row.nll, 4)
    case .plainBefore: Self.fixed(result.base.plainNLL, 4)
    case .plainAfter: Self.fixed(row.plainNLL, 4)
    case .token: thousandths(row.secondsPerToken, 2)
    case .merged: thousandths(row.secondsPerMergedToken, 2)
    }
  }

  /// What the table cannot say.
  private var notes: [String] {
    var notes = [
      "before: the base alone. plain: text of no domain, to show what was forgotten. Both in nats a token.",
      "ms a token: the adapter carried by the mix; merged: written into the base's weights."
        + (result.base.secondsPerToken.map { " The base alone takes \(Self.fixed(1000 * $0, 2))." } ?? ""),
    ]
    if result.rows.contains(where: { $0.peakBytes != nil }) {
      notes.append(
        "peak MB: resident memory of the whole process while the method trained, with the loaded base.")
    } else if result.rows.contains(where: { $0.steps != nil }) {
      notes.append("peak MB: this system tells the peak of a whole process alone, not that of each method.")
    }
    var refusals: [(reason: String, names: [String])] = []
    for row in result.rows {
      guard let reason = row.mergeRefusal else { continue }
      if let index = refusals.firstIndex(where: { $0.reason == reason }) {
        refusals[index].names.append(row.name)
      } else {
        refusals.append((reason, [row.name]))
      }
    }
    notes += refusals.map { "\($0.names.joined(separator: ", ")): cannot be fused: \($0.reason)" }
    notes += result.rows.compactMap { row in row.failure.map { "\(row.name): \($0)" } }
    let open = result.rows.filter { [.begun, .trained].contains($0.stage) }.map(\.name)
    return open.isEmpty ? notes : notes + ["not done yet: \(open.joined(separator: ", "))"]
  }

  private static func brief(_ text: String) -> String { text.count > 32 ? "\(text.prefix(32))…" : text }

  private static func fixed(_ value: Double?, _ decimals: Int) -> String {
    guard let value, value.isFinite else { return "–" }
    return String(format: "%.\(decimals)f", value)
  }

  private static func grouped(_ value: Int) -> String {
    let digits = String(value)
    return digits.enumerated().reduce(into: "") { text, digit in
      if digit.offset > 0, (digits.count - digit.offset) % 3 == 0 { text += "," }
      text.append(digit.element)
    }
  }
}
