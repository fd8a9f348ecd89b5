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
    ([TextTable(header: header, rows: rows).text()] + notes).joined(separator: "\n")
  }

  public func markdown() -> String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    let rule = header.indices.map { $0 == 0 ? ":--" : "--:" }
    let table = [line(header), line(rule)] + rows.map(line)
    return table.joined(separator: "\n") + "\n\n" + notes.map { "- \($0)\n" }.joined()
      + (command.isEmpty ? "" : "\n    \(command)\n")
  }

  public func page() -> HTMLPage {
    var page = HTMLPage(
      title: "Methods compared",
      summary:
        "\(result.rows.count) ways of training \(result.base.name) in \(result.base.precision) on the same rows.",
      footer: command.isEmpty ? "Made by motet." : "Made by motet: \(command)")
    page.add("Table", [.table(header: header, rows: rows)] + notes.map { .prose($0) })
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

  private let header = [
    "method", "parameters", "share", "MB on disk", "ms a step", "peak MB", "NLL before", "after",
    "plain before",
    "after", "ms a token", "merged",
  ]

  private var rows: [[String]] {
    result.rows.map { row in
      [
        row.name, row.parameters.map(Self.grouped) ?? "–",
        row.share.map { Self.fixed(100 * $0, 3) + "%" } ?? "–",
        row.adapterBytes.map { Self.fixed(Double($0) / 1e6, 2) } ?? "–",
        row.secondsPerStep.map { Self.fixed(1000 * $0, $0 < 0.1 ? 1 : 0) } ?? "–",
        row.peakBytes.map { Self.fixed(Double($0) / 1e6, 0) } ?? "–", Self.fixed(result.base.nll, 4),
        Self.fixed(row.nll, 4), Self.fixed(result.base.plainNLL, 4), Self.fixed(row.plainNLL, 4),
        Self.fixed(row.secondsPerToken.map { 1000 * $0 }, 2),
        Self.fixed(row.secondsPerMergedToken.map { 1000 * $0 }, 2),
      ]
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
    return notes + result.rows.compactMap { row in row.failure.map { "\(row.name): \($0)" } }
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
