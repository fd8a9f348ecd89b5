import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor

extension Comparison {
  /// Trains one method, unless that is done.
  @Compute
  func train(
    _ job: TrainingJob, in result: inout ComparisonTable, _ onEvent: @Compute (Event) -> Void
  ) async throws {
    try Task.checkCancellation()
    guard let index = result.rows.firstIndex(where: { $0.name == job.name }) else { return }
    switch result.rows[index].stage {
    case .trained, .measured, .diverged: return onEvent(.kept(job.name))
    case .failed: result.rows[index] = ComparisonRow(job)
    case .begun: break
    }
    do {
      try await train(job, into: &result.rows[index], onEvent)
    } catch let error as CancellationError {
      try keep(result)
      throw error
    } catch let error as TrainingError where error.isOfTheWholeRun {
      throw error
    } catch {
      result.rows[index].stage = .failed
      result.rows[index].failure = "\(error)"
      onEvent(.failed(job.name, reason: "\(error)"))
    }
    try keep(result)
  }

  @Compute
  private func train(
    _ job: TrainingJob, into row: inout ComparisonRow, _ onEvent: @Compute (Event) -> Void
  ) async throws {
    var job = job
    job.destination = .folder(place(of: job), replaces: true)
    var run = TrainingRun(base, jobs: [job], tokensPerPass: tokensPerPass, checkpoints: checkpoints(of: job))
    run.checkpointsActivations = checkpointsActivations
    run.command = command
    onEvent(.training(run))
    let measures = resetPeakResidentBytes()
    var steps = 0
    let outcome = try await run.train { event in
      if case .step = event { steps += 1 }
      onEvent(.step(event))
    }.first
    // A process that only saves what an earlier one trained knows nothing of the peak.
    if measures, steps > 0 { row.peakBytes = max(row.peakBytes ?? 0, peakResidentBytes()) }
    guard let outcome, outcome.ending != .stopped else { throw CancellationError() }
    if let made = outcome.result { row.take(made, baseParameters: base.parameterCount) }
    if case .diverged(let step) = outcome.ending {
      row.nll = nil
      row.stage = .diverged
      row.failure = "it diverged: its loss is not a number at step \(step)"
      onEvent(.failed(row.name, reason: row.failure ?? ""))
      return
    }
    if let nll = row.nll, !nll.isFinite {
      row.nll = nil
      row.stage = .diverged
      row.failure = "its validation NLL is not a number after step \(row.steps ?? 0)"
      onEvent(.failed(row.name, reason: row.failure ?? ""))
      return
    }
    row.adapterBytes = try Self.adapterBytes(in: place(of: job))
    row.stage = .trained
  }

  /// What is needed to use the adapter: its configuration and its tensors.
  private static func adapterBytes(in folder: URL) throws -> Int {
    let keys: Set<URLResourceKey> = [.fileSizeKey]
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: Array(keys))
    return try files.filter {
      $0.lastPathComponent == "adapter_config.json" || $0.pathExtension == "safetensors"
    }
    .reduce(0) { try $0 + ($1.resourceValues(forKeys: keys).fileSize ?? 0) }
  }
}

extension TrainingError {
  /// Whether it is no fault of one method.
  fileprivate var isOfTheWholeRun: Bool {
    switch self {
    case .baseChanged, .differs, .damaged, .busy: true
    default: false
    }
  }
}
