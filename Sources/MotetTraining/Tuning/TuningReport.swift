import Foundation
import MotetReport

/// A search for reading: a table for terminals, and a page with plots.
public struct TuningReport: Sendable {
  private let table: TuningTable
  /// How it was started, as the page tells.
  private let command: String

  public init(_ table: TuningTable, command: String = "") {
    self.table = table
    self.command = command
  }

  public func text() -> String {
    ([TextTable(header: header, rows: rows).text()] + notes).joined(separator: "\n")
  }

  public func page() -> HTMLPage {
    var page = HTMLPage(
      title: "Search by successive halving",
      summary: table.winner.map { "\(table.trials.count) trials; trial \($0) was left." }
        ?? "\(table.trials.count) trials, not over yet.",
      footer: command.isEmpty ? "Made by motet." : "Made by motet: \(command)")
    page.add("Trials", [.table(header: header, rows: rows)] + notes.map { .prose($0) })
    let ends = table.rungs.map { Double($0.step) }
    page.add(
      "Quality and size",
      [
        .svg(
          ScatterChart(
            title: "NLL where each trial ended, against what it trains", xLabel: "trained parameters",
            yLabel: "nats a token",
            points: ordered.compactMap { trial in
              guard let parameters = trial.parameters, let nll = trial.nlls.last else { return nil }
              return (label(trial), Double(parameters), nll)
            }
          ).svg(),
          caption:
            "A trial that was left out early has seen fewer tokens. Orange: nothing is lower with as little.")
      ])
    page.add(
      "Rungs",
      [
        .svg(
          LineChart(
            title: "Validation NLL at the end of each rung", xLabel: "step", yLabel: "nats a token",
            series: [],
            marks: ordered.filter { !$0.nlls.isEmpty }.map { trial in
              (label(trial), zip(ends, trial.nlls).map { ($0, $1) })
            }
          ).svg())
      ])
    page.add(
      "Settings",
      [.table(header: [], rows: table.settings.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })])
    return page
  }

  private func label(_ trial: TuningTrial) -> String {
    var words = [trial.name + ":"]
    if let rank = trial.candidate.rank { words.append("r \(rank)") }
    if let alpha = trial.candidate.alpha { words.append("α \(Self.short(alpha))") }
    return (words + [Self.short(trial.candidate.learningRate)]).joined(separator: " ")
  }

  /// The one that is left first, then by how far they came and how well.
  private var ordered: [TuningTrial] {
    table.trials.sorted { one, other in
      if (one.name == table.winner) != (other.name == table.winner) { return one.name == table.winner }
      if one.nlls.count != other.nlls.count { return one.nlls.count > other.nlls.count }
      return (one.nlls.last ?? .infinity) < (other.nlls.last ?? .infinity)
    }
  }

  private var header: [String] {
    ["trial", "rank", "alpha", "lr", "targets", "parameters", "tokens"]
      + table.rungs.indices.map { "NLL \($0 + 1)" } + ["ended"]
  }

  private var rows: [[String]] {
    ordered.map { trial in
      let rank = trial.candidate.rank.map { "\($0)" }
      let alpha = trial.candidate.alpha ?? trial.settings["alpha"].flatMap { Double($0) }
      var row: [String] = [trial.name, rank ?? trial.settings["rank"] ?? "–", alpha.map(Self.short) ?? "–"]
      row.append(Self.short(trial.candidate.learningRate))
      row.append(
        trial.candidate.targets ?? trial.settings["targets"] ?? "–")
      row.append(trial.parameters.map { "\($0)" } ?? "–")
      row.append(trial.tokens.map { "\($0)" } ?? "–")
      for rung in table.rungs.indices {
        let nll = rung < trial.nlls.count ? trial.nlls[rung] : .nan
        row.append(nll.isFinite ? String(format: "%.4f", nll) : "–")
      }
      return row + [ending(trial)]
    }
  }

  private func ending(_ trial: TuningTrial) -> String {
    if let step = trial.divergedAt { return "diverged at step \(step)" }
    if trial.name == table.winner { return "the best" }
    return table.leftAfter(trial).map { "after rung \($0)" } ?? ""
  }

  private var notes: [String] {
    guard let tokens = table.tokens else { return [] }
    let rungs = table.rungs.map { "\($0.trials) to step \($0.step)" }.joined(separator: ", ")
    return [
      "\(tokens) of \(table.settings["tokens"] ?? "") tokens. Trials by rung, each with the NLL of the validation rows "
        + "at its end: \(rungs).",
      "The learning rate is constant after a warm-up within the search; winner.yaml trains with a schedule.",
    ]
  }

  private static func short(_ value: Double) -> String { String(format: "%g", value) }
}
