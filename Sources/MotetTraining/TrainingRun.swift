import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor

/// Trains one or several adapters together on one frozen base.
///
///     let outcomes = try await TrainingRun(base, jobs: [math, code]).train { event in print(event) }
///
/// In each step every adapter takes its own next batch, and the rows of all share the passes through the base. What
/// becomes of an adapter does not depend on the others: it has its own order, seeds, gradients, clipping, optimizer
/// and schedule, and one that diverges ends alone.
public struct TrainingRun: Sendable {
  public let base: BaseModel
  public var jobs: [TrainingJob]
  /// Tokens that go through the model at one time.
  public var tokensPerPass: Int
  /// Keeps each layer's input alone and runs the layer again on the way back: the same result with less memory, in
  /// about a third more time.
  public var checkpointsActivations = false
  /// nil writes nothing while the run goes.
  public var checkpoints: Checkpoints?
  /// Gets the page of the whole run, beside those of its adapters; nil for none.
  public var report: URL?
  /// Steps at which only some of the adapters go on; see ``SuccessiveHalving``.
  public var rungs: [Rung] = []
  /// How the run was started, as its pages tell.
  public var command = ""

  /// The end of a rung: of the adapters that still run after a step, those with the lowest validation NLL go on.
  public struct Rung: Sendable, Equatable {
    public var step: Int
    /// How many go on.
    public var survivors: Int
  }

  /// - Parameter tokensPerPass: nil takes the most that a job's options ask for
  public init(
    _ base: BaseModel, jobs: [TrainingJob], tokensPerPass: Int? = nil, checkpoints: Checkpoints? = nil
  ) {
    self.base = base
    self.jobs = jobs
    self.tokensPerPass = tokensPerPass ?? jobs.map(\.options.tokensPerPass).max() ?? 512
    self.checkpoints = checkpoints
  }

  /// Trains all jobs to their ends and saves those that have a destination. A cancelled task stops after the step
  /// under way, writes a checkpoint where there is a place for one, and saves what was learnt.
  /// - Throws: before any step ``TrainingError``, ``LoRAError`` or ``DatasetError``; later what a file refuses, with
  ///   the last checkpoint whole
  @Compute
  public func train(onEvent: @Compute (RunEvent) -> Void = { _ in }) async throws -> [JobOutcome] {
    try validate()
    let folders = runFolders
    let locks = try folders.map { try $0.begin() } + (checkpoints.map { [try RunLock($0)] } ?? [])
    defer {
      // A run that came to nothing leaves nothing.
      if let checkpoints, checkpoints.newest() == nil { checkpoints.remove() }
      for folder in folders { folder.end() }
      withExtendedLifetime(locks) {}
    }
    let fingerprint = base.fingerprint()
    var (learners, resumed) = try await takeSteps(fingerprint, onEvent)
    base.releaseBackward()
    BufferPool.trim()
    let after = base.fingerprint()
    guard fingerprint == after else { throw TrainingError.baseChanged(before: fingerprint, after: after) }
    let outcomes = try RunEnd(
      run: self, fingerprint: fingerprint, isResumed: resumed.isResumed, setup: resumed.setup
    ).save(&learners)
    for outcome in outcomes { onEvent(.finished(outcome)) }
    return outcomes
  }

  /// All steps, from the beginning or from a checkpoint.
  @Compute
  private func takeSteps(
    _ fingerprint: String, _ onEvent: @Compute (RunEvent) -> Void
  ) async throws -> (learners: [Learner], resumed: (isResumed: Bool, setup: ComputeSetup)) {
    let learners = try jobs.map { try Learner($0, on: base) }
    let identity = RunState.Identity(
      base: fingerprint, tokensPerPass: tokensPerPass,
      jobs: jobs.map { RunState.Identity.Job(name: $0.name, settings: $0.identity()) })
    var loop = TrainingLoop(run: self, learners: learners, identity: identity)
    let resumed = try loop.resume()
    if let resumed {
      onEvent(.resumed(step: resumed.step, note: resumed.note))
    } else {
      for learner in learners where learner.job.evaluationPoints.isEmpty {
        learner.evalBefore = try await validationNLL(of: learner)
      }
    }
    try await loop.train(isResumed: resumed != nil, onEvent)
    return (learners, (resumed != nil, loop.identity.setup))
  }

  @Compute
  func validationNLL(of learner: Learner) async throws -> NLL? {
    guard let rows = learner.job.validation else { return nil }
    return try await base.nll(of: rows, mix: learner.mix)
  }

  // MARK: What cannot be is refused before anything begins

  /// - Throws: ``TrainingError``, ``LoRAError``
  @Compute
  public func validate() throws {
    guard !jobs.isEmpty else { throw TrainingError.noJobs }
    guard tokensPerPass > 0 else {
      throw TrainingError.option(
        name: "tokens-per-pass", value: "\(tokensPerPass)", mend: "give at least 1 token")
    }
    try checkpoints?.validate()
    var names = Set<String>()
    var places: [String: String] = [:]
    for job in jobs {
      guard names.insert(job.name).inserted else { throw TrainingError.sameName(job.name) }
      if case .folder(let folder, _) = job.destination {
        let path = try OutputPath.resolved(folder.path(percentEncoded: false))
        if let first = places.updateValue(job.name, forKey: path) {
          throw TrainingError.samePlace(path, first: first, second: job.name)
        }
      }
      try job.validate(on: base)
    }
    try validatePlaces()
  }

  private func validatePlaces() throws {
    let unfinished = checkpoints?.newest()
    if let checkpoints, let unfinished, case .fresh = checkpoints.start {
      throw TrainingError.unfinished(
        folder: checkpoints.folder.deletingLastPathComponent().relativePath, step: unfinished.step)
    }
    try checkpoints?.requireOwn()
    if unfinished != nil, case .resume? = checkpoints?.start { return }
    for job in jobs {
      guard case .folder(let folder, let replaces) = job.destination else { continue }
      try RunFolder(folder: folder).check(replaces: replaces)
    }
    if let report { try requireOwn(report) }
  }

  private var runFolders: [RunFolder] {
    jobs.compactMap {
      if case .folder(let folder, _) = $0.destination { RunFolder(folder: folder) } else { nil }
    }
  }

  /// - Throws: ``TrainingError/holdsOther(folder:file:)`` for a page that is not of a run
  private func requireOwn(_ report: URL) throws {
    guard let data = try? Data(contentsOf: report), data.range(of: Data("<title>Training".utf8)) == nil else {
      return
    }
    throw TrainingError.holdsOther(
      folder: report.deletingLastPathComponent().relativePath, file: report.lastPathComponent)
  }
}
