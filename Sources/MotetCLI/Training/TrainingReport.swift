import Foundation
import Motet

/// What a run came to, for people or as JSON.
struct TrainingReport {
  private let run: TrainingRun
  private let outcomes: [JobOutcome]

  init(_ run: TrainingRun, _ outcomes: [JobOutcome]) {
    self.run = run
    self.outcomes = outcomes
  }

  func show(json: Bool) throws {
    if json {
      let adapters = outcomes.map(adapter)
      if adapters.count == 1 { return try Console.json(adapters[0]) }
      let seconds = adapters.map(\.seconds).max() ?? 0
      let tokens = adapters.reduce(0) { $0 + $1.tokens }
      return try Console.json(
        Several(
          adapters: adapters, tokens: tokens, seconds: seconds,
          tokensPerSecond: Double(tokens) / max(seconds, 1e-9), peakRssBytes: peakResidentBytes()))
    }
    for outcome in outcomes { show(outcome) }
    if let report = run.report { Console.result("the run: \(report.relativePath)") }
  }

  private func show(_ outcome: JobOutcome) {
    guard let result = outcome.result else { return }
    let speed = rounded(Double(result.tokens) / max(result.seconds, 1e-9), 0)
    let skipped = result.skippedSteps
    Console.result(
      "\(outcome.place ?? outcome.name): \(result.events.count) steps, \(result.tokens) tokens in "
        + "\(rounded(result.seconds, 1)) s (\(speed) tokens/s), "
        + "loss \(result.finalLoss.map { rounded($0, 4) } ?? "-")"
        + (skipped > 0 ? ", \(skipped) steps left out as spikes" : "")
        + (result.step == result.events.count ? "" : ", weights of step \(result.step)"))
    if let before = result.evalBefore, let after = result.evalAfter {
      Console.result("  validation NLL: \(rounded(before.value, 4)) before, \(rounded(after.value, 4)) after")
    }
    if let ranks = result.adapter.weights.rankSummary { Console.result("  \(ranks)") }
    for overlap in result.overlaps { Console.result("  overlap of input subspaces: \(overlap.text)") }
    if let ranks = result.adapter.weights.rankSummary { Console.result("  \(ranks)") }
    if let groups = outcome.groups { Console.result(groups.text()) }
  }

  private func adapter(_ outcome: JobOutcome) -> One {
    let result = outcome.result
    let (ending, step): (String, Int?) =
      switch outcome.ending {
      case .completed: ("completed", nil)
      case .stopped: ("stopped", nil)
      case .stoppedEarly(let step): ("stopped_early", step)
      case .diverged(let step): ("diverged", step)
      }
    let seconds = result?.seconds ?? 0
    return One(
      name: outcome.name, adapter: outcome.place, steps: result?.events.count ?? 0,
      tokens: result?.tokens ?? 0, seconds: seconds,
      tokensPerSecond: Double(result?.tokens ?? 0) / max(seconds, 1e-9), trainLoss: result?.finalLoss,
      evalNllBefore: result?.evalBefore?.value, evalNllAfter: result?.evalAfter?.value,
      peakRssBytes: peakResidentBytes(), stopped: outcome.ending == .stopped, ending: ending,
      endedAtStep: step,
      weightsOfStep: result?.step, skippedSteps: result?.skippedSteps ?? 0,
      ranks: result.flatMap {
        $0.adapter.weights.rankSummary == nil ? nil : $0.adapter.weights.sites.mapValues(\.rank)
      },
      groups: outcome.groups,
      overlaps: result?.overlaps ?? [])
  }

  private struct Several: Encodable {
    let adapters: [One]
    let tokens: Int
    let seconds: Double
    let tokensPerSecond: Double
    let peakRssBytes: Int
  }

  private struct One: Encodable {
    let name: String
    let adapter: String?
    let steps: Int
    let tokens: Int
    let seconds: Double
    let tokensPerSecond: Double
    let trainLoss: Double?
    let evalNllBefore: Double?
    let evalNllAfter: Double?
    let peakRssBytes: Int
    let stopped: Bool
    let ending: String
    let endedAtStep: Int?
    let weightsOfStep: Int?
    let skippedSteps: Int
    /// By site, where they differ.
    let ranks: [String: Int]?
    let groups: GroupReport?
    let overlaps: [OverlapResult]
  }
}
