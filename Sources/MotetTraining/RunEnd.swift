import Foundation
import MotetAdapters
import MotetFormats
import MotetReport
import MotetTensor

/// Saves what a run came to.
@Compute
struct RunEnd {
  let run: TrainingRun
  let fingerprint: String
  /// Whether an earlier process may have been killed while it saved.
  let isResumed: Bool
  /// Threads and vector level of the whole run.
  let setup: ComputeSetup

  /// Saves one adapter after the other, and lets each go before the next is copied.
  func save(_ learners: inout [Learner]) throws -> [JobOutcome] {
    let isOver = learners.allSatisfy(\.isOver)
    var outcomes: [JobOutcome] = []
    var pages: [RunReport] = []
    while !learners.isEmpty {
      let (outcome, page) = try save(learners.removeFirst())
      outcomes.append(outcome)
      pages.append(page)
      BufferPool.trim()
    }
    if let report = run.report, let whole = RunReport(joining: pages, title: "Training") {
      try AtomicFile.write(Data(whole.page().html().utf8), to: report)
    }
    if isOver { removeTraces(outcomes) }
    return outcomes
  }

  private func save(_ learner: Learner) throws -> (outcome: JobOutcome, page: RunReport) {
    var outcome = try learner.outcome(on: run.base, fingerprint: fingerprint, setup: setup)
    let page = page(learner, outcome)
    outcome.place = try save(outcome, of: learner.job, page)
    return (outcome, page)
  }

  private func save(_ outcome: JobOutcome, of job: TrainingJob, _ page: RunReport) throws -> String? {
    guard let result = outcome.result, result.step > 0 || outcome.ending == .completed else { return nil }
    return try TrainingOutput(
      result, report: page, attachments: job.attachments,
      tensorBoard: job.writesTensorBoard ? job.logs?.appending(path: AdapterLogs.boardFolder) : nil
    ).save(job.destination, isAgain: isResumed)
  }

  private func page(_ learner: Learner, _ outcome: JobOutcome) -> RunReport {
    var adapter = RunReport.AdapterRun(learner, outcome)
    adapter.settings += [
      ("precision", run.base.precision.rawValue), ("threads", setup.threadsText),
      ("vector-level", setup.vectorLevel),
    ]
    var page = RunReport(
      title: "Training \(learner.job.name)", base: "\(run.base.name) in \(run.base.precision.rawValue)",
      baseParameters: run.base.parameterCount, adapters: [adapter],
      seconds: learner.events.last?.seconds ?? 0, peakBytes: peakResidentBytes())
    page.sections = learner.job.dataSections
    page.command = run.command
    return page
  }

  /// Checkpoints, and the logs of adapters that have theirs beside them now. Those of one that came to nothing stay,
  /// to be looked at.
  private func removeTraces(_ outcomes: [JobOutcome]) {
    for (job, outcome) in zip(run.jobs, outcomes) where outcome.place != nil {
      guard let folder = job.logFolder else { continue }
      RunFolder.removeLogs(in: folder)
      rmdir(folder.deletingLastPathComponent().path)
    }
    if run.checkpoints?.staysAtEnd == false { run.checkpoints?.remove() }
  }
}
