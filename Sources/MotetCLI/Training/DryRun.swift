import Foundation
import Motet

/// What a run would take, and what its data is like.
struct DryRun {
  private let run: TrainingRun

  init(_ run: TrainingRun) { self.run = run }

  func show(json: Bool) async throws {
    let estimate = try await run.estimate()
    if json {
      return try Console.json(
        Answer(
          estimate: estimate,
          data: run.jobs.map { ($0.data as? TrainingData)?.report },
          validation: run.jobs.map { ($0.validation as? TrainingData)?.report }))
    }
    for (job, expected) in zip(run.jobs, estimate.jobs) {
      Console.result(
        "\(job.name): \(expected.parameters) trainable parameters (\(rounded(100 * expected.share, 2))% of the base), "
          + "\(expected.steps) steps, \(expected.tokens) tokens")
      if let data = job.data as? TrainingData { show("data", data.report) }
      if let data = job.validation as? TrainingData { show("validation", data.report) }
    }
    Console.result(
      "about \(clock(estimate.seconds)) at \(rounded(estimate.tokensPerSecond, 0)) tokens/s, measured on the first "
        + "rows; about \(rounded(Double(estimate.peakBytes) / 1e9, 2)) GB of memory at the peak")
  }

  private func show(_ title: String, _ report: DataReport) {
    for (number, line) in report.text().split(separator: "\n").enumerated() {
      Console.result((number == 0 ? "  \(title): " : "    ") + line)
    }
  }

  private struct Answer: Encodable {
    let estimate: RunEstimate
    let data: [DataReport?]
    let validation: [DataReport?]
  }
}
