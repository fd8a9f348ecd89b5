import Foundation
import Motet

/// What a run would take, and what its data is like.
struct DryRun {
  private let run: TrainingRun

  init(_ run: TrainingRun) { self.run = run }

  func show(json: Bool) async throws {
    let estimate = try await run.estimate()
    let data = try run.jobs.map { try Findings(training: $0.data, validation: $0.validation) }
    if json { return try Console.json(Answer(estimate: estimate, data: data)) }
    for (expected, found) in zip(estimate.jobs, data) {
      Console.result(
        "\(expected.name): \(expected.parameters) trainable parameters "
          + "(\(rounded(100 * expected.share, 2))% of the base), \(expected.steps) steps, "
          + "\(expected.tokens) tokens")
      if let report = found.report { show("data", report.text()) }
      if let audit = found.audit { show("read with care", audit.text()) }
      if let balance = found.balance { Console.result("  \(balance.warning)") }
      if let report = found.validationReport { show("validation", report.text()) }
      if found.sharedRows > 0 {
        Console.result("  \(found.sharedRows) rows of the data stand in the validation rows too")
      }
    }
    Console.result(
      "about \(clock(estimate.seconds)) at \(rounded(estimate.tokensPerSecond, 0)) tokens/s, measured on the first "
        + "rows; about \(rounded(Double(estimate.peakBytes) / 1e9, 2)) GB of memory at the peak")
  }

  private func show(_ title: String, _ text: String) {
    Console.result("  \(title):")
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      Console.result("    \(line)")
    }
  }

  private struct Answer: Encodable {
    let estimate: RunEstimate
    let data: [Findings]
  }

  /// What one adapter's rows are like.
  private struct Findings: Encodable {
    var report: DataReport?
    var audit: DataAudit?
    var validationReport: DataReport?
    var sharedRows = 0
    /// Label frequencies, when the rows are a classification written as text.
    var balance: ResponseBalance?

    init(training: any ExampleSource, validation: (any ExampleSource)?) throws {
      guard let training = training as? TrainingData else { return }
      report = training.report
      audit = try DataAudit(of: training)
      balance = try training.responseBalance()
      guard let validation = validation as? TrainingData else { return }
      validationReport = validation.report
      sharedRows = training.rowsShared(with: validation)
    }
  }
}
