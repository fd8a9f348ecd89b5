import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor

/// A search over ranks, alphas, learning rates and targets by successive halving, on one loaded base.
///
///     let tuning = try configuration.tuning(of: grid, trials: 8, eta: 2, on: base, folder: folder)
///     print(TuningReport(try await tuning.run()).text())
///
/// All trials take the same rows in the same order, and train in one pass; where a rung ends, the validation rows say
/// which go on, each from where it is, with its optimizer's state. Within the search the learning rate is constant after
/// a warm-up that is over well before the first rung ends: a schedule that falls would favour those near its end, and
/// nobody knows yet which that is. What was found is then trained with the schedule that is wanted.
public struct Tuning: Sendable {
  public let base: BaseModel
  public let halving: SuccessiveHalving
  /// One for each trial, in order.
  public let jobs: [TrainingJob]
  let candidates: [TuningGrid.Candidate]
  /// The step at which each rung ends.
  public let rungs: [Int]
  /// How each trial is trained again alone, as YAML.
  let configurations: [String]
  public let folder: URL
  public var tokensPerPass = 512
  public var checkpointsActivations = false
  /// Seconds between two checkpoints, beside those at the end of each rung.
  public var checkpointSeconds: Double? = 600
  /// Forgets a search that the folder holds.
  public var overwrites = false
  /// How it was started, as its page tells.
  public var command = ""

  private var winnerFile: URL { folder.appending(path: TuningTable.winnerFile) }

  /// Of the trials.
  public var names: [String] { jobs.map(\.name) }

  /// How the trial that was left is trained again alone, as YAML; nil while the search is not over.
  public func configuration(of table: TuningTable) -> String? {
    jobs.firstIndex { $0.name == table.winner }.map { configurations[$0] }
  }

  /// Refuses a folder that holds another search.
  /// - Throws: ``TuningError``
  @Compute
  public func validate() throws { _ = try held(TuningTable(self)) }

  /// What the folder holds of this search.
  private func held(_ table: TuningTable) throws -> TuningTable? {
    guard !overwrites, let held = try TuningTable.kept(in: folder) else {
      try TuningTable.requireOwn(in: folder, beside: TuningTable.otherFiles)
      return nil
    }
    let differences = held.differences(from: table)
    guard differences.isEmpty else {
      throw TuningError.holdsOther(folder: folder.relativePath, what: differences)
    }
    return held
  }

  /// Trains what is not trained yet. A cancelled task stops after the step under way, with a checkpoint.
  /// - Throws: ``TuningError``, ``TrainingError``, `FormatError`, or `CancellationError`
  @Compute
  public func run(onEvent: @Compute (RunEvent) -> Void = { _ in }) async throws -> TuningTable {
    let lock = try RunLock(folder.appending(path: ".lock"), of: folder)
    defer { withExtendedLifetime(lock) {} }
    var checkpoints = Checkpoints(
      folder: folder.appending(path: "checkpoints"), everySeconds: checkpointSeconds, start: .resume)
    // The table is written before they go.
    checkpoints.staysAtEnd = true
    var table = TuningTable(self)
    try checkpoints.requireOwn()
    let held = try held(table)
    if overwrites {
      checkpoints.clear()
      try? FileManager.default.removeItem(at: winnerFile)
    }
    if let held, held.winner != nil { return held }
    try table.write(to: folder, command: command)
    var run = TrainingRun(base, jobs: jobs, tokensPerPass: tokensPerPass, checkpoints: checkpoints)
    run.checkpointsActivations = checkpointsActivations
    run.command = command
    run.rungs = rungs.dropLast().enumerated().map {
      TrainingRun.Rung(step: $1, survivors: halving.survivors(after: $0))
    }
    let outcomes = try await run.train(onEvent: onEvent)
    if outcomes.contains(where: { $0.ending == .stopped }) { throw CancellationError() }
    try table.take(outcomes, rungs: rungs)
    if let winner = configuration(of: table) {
      try AtomicFile.write(Data(winner.utf8), to: winnerFile)
    }
    try table.write(to: folder, command: command)
    checkpoints.remove()
    return table
  }
}
