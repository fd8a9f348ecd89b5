import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// The steps of a run.
@Compute
struct TrainingLoop {
  let run: TrainingRun
  let learners: [Learner]
  private(set) var identity: RunState.Identity
  private var step = 0
  /// Of the steps so far, without evaluations and checkpoints.
  private var seconds = 0.0

  init(run: TrainingRun, learners: [Learner], identity: RunState.Identity) {
    self.run = run
    self.learners = learners
    self.identity = identity
  }

  /// Takes up the checkpoint that is there, when the run is to go on from one.
  /// - Returns: its step, and a note where the run will not end with the bytes of one that was left alone; nil when
  ///   the run begins at its beginning
  mutating func resume() throws -> (step: Int, note: String?)? {
    guard let checkpoints = run.checkpoints else { return nil }
    switch checkpoints.start {
    case .fresh: return nil
    case .overwrite:
      checkpoints.clear()
      return nil
    case .resume:
      guard let newest = checkpoints.newest() else { return nil }
      let state = try RunState(contentsOf: newest.folder)
      let differences = state.identity.differences(from: identity)
      guard differences.isEmpty else {
        throw TrainingError.differs(folder: newest.folder.relativePath, what: differences)
      }
      for (number, learner) in learners.enumerated() {
        let saved = try RunState.learner(number, in: newest.folder)
        do { try learner.restore(saved) } catch {
          throw TrainingError.damaged(checkpoint: newest.folder.path, problem: "\(error)")
        }
      }
      step = state.step
      seconds = state.seconds
      let (then, now) = (state.identity.setup, identity.setup)
      identity.setup = then.followed(by: now)
      guard identity.setup != then else { return (step, nil) }
      let note =
        "the number of threads was \(then.threadsText) and is \(now.threadsText): the adapters will differ in the "
        + "last digits from those of a run on the same number throughout"
      return (step, note)
    }
  }

  /// Steps until every adapter is at its end, or the task is cancelled.
  /// - Parameter isResumed: whether it goes on from a checkpoint
  mutating func train(isResumed: Bool, _ onEvent: @Compute (RunEvent) -> Void) async throws {
    let logs = try learners.map { try AdapterLogs($0, isResumed: isResumed) }
    func tell(_ events: [RunEvent], of index: Int) throws {
      for event in events {
        try logs[index].append(event)
        onEvent(event)
      }
    }
    var lastCheckpoint = ContinuousClock.now
    while true {
      for (index, learner) in learners.enumerated() where learner.isValidationDue {
        // Cancelled within, it is due again when the run goes on.
        guard let nll = try await unlessCancelled({ try await run.validationNLL(of: learner) }) else { break }
        try tell(learner.take(nll), of: index)
      }
      let leftOut = endRung()
      for (index, event) in leftOut { try tell([event], of: index) }
      let isOver = learners.allSatisfy(\.isOver)
      // The last one too: a process that is killed while it saves the adapters goes on with saving them.
      if isOver || Task.isCancelled || !leftOut.isEmpty || isCheckpointDue(since: lastCheckpoint) {
        if let folder = try writeCheckpoint() { onEvent(.checkpoint(step: step, folder: folder.path)) }
        lastCheckpoint = .now
      }
      if isOver || Task.isCancelled { return }
      for (index, events) in try takeStep() {
        try tell(events, of: index)
        if case .diverged = learners[index].status { try takeBackLastGood(learners[index]) }
      }
      await Task.yield()
    }
  }

  /// Leaves those out that do not go on after the step just taken; of equal ones the first goes on. Nothing where the
  /// validation rows were not gone through for all, or where a checkpoint shows that it was done.
  private func endRung() -> [(index: Int, event: RunEvent)] {
    guard let rung = run.rungs.first(where: { $0.step == step }) else { return [] }
    let running = learners.indices.filter { learners[$0].isRunning }
    guard running.allSatisfy({ learners[$0].validations.last?.step == step }) else { return [] }
    func nll(_ index: Int) -> Double {
      let value = learners[index].lastNLL?.value ?? .infinity
      return value.isNaN ? .infinity : value
    }
    let ranked = running.sorted { (nll($0), $0) < (nll($1), $1) }
    return ranked.dropFirst(rung.survivors).map { ($0, learners[$0].leaveOut()) }
  }

  /// One step of every adapter that still runs.
  private mutating func takeStep() throws -> [(index: Int, events: [RunEvent])] {
    let began = ContinuousClock.now
    let running = learners.indices.filter { learners[$0].isRunning }
    let parts = try running.flatMap { try learners[$0].nextParts(limit: run.tokensPerPass, owner: $0) }
    for pass in Pass.pack(parts, limit: run.tokensPerPass) {
      for (owner, loss) in try run.gatherGradients(pass, teachers: learners.map(\.guidance.teacher)) {
        learners[owner].gather(loss)
      }
    }
    let soFar = seconds
    let results = try running.map { index in
      (index, try learners[index].finishStep(secondsSoFar: soFar + (ContinuousClock.now - began).inSeconds))
    }
    BufferPool.endStep()
    seconds += (ContinuousClock.now - began).inSeconds
    step += 1
    return results
  }

  // MARK: Checkpoints

  private func isCheckpointDue(since last: ContinuousClock.Instant) -> Bool {
    guard let checkpoints = run.checkpoints, step > 0 else { return false }
    if let every = checkpoints.everySteps, step % every == 0 { return true }
    return checkpoints.everySeconds.map { (ContinuousClock.now - last).inSeconds >= $0 } ?? false
  }

  /// - Returns: the folder; nil when the run has no place for one or nothing to keep yet
  private func writeCheckpoint() throws -> URL? {
    guard let checkpoints = run.checkpoints, step > 0 else { return nil }
    return try checkpoints.write(step: step) { folder in
      try RunState(identity: identity, step: step, seconds: seconds).write(learners, to: folder)
    }
  }

  private func takeBackLastGood(_ learner: Learner) throws {
    guard let newest = run.checkpoints?.newest(),
      let parameters = try RunState.parameters(of: learner.job.name, in: newest.folder)
    else { return }
    try learner.takeBack(parameters, of: newest.step)
  }

  private func unlessCancelled<T>(_ body: () async throws -> T?) async throws -> T? {
    do { return try await body() } catch is CancellationError { return nil }
  }
}

extension TrainingRun {
  /// Forward and backward over rows of several adapters: each one's gradients gather in its own parameters.
  /// - Parameter teachers: by owner
  /// - Returns: the loss of each label, and whose it is
  @Compute
  func gatherGradients(
    _ parts: [PassPart], teachers: [BoundTeacher?]
  ) throws -> [(owner: Int, loss: Double)] {
    let pass = Pass(parts)
    let taught = try parts.indices.compactMap { index -> HeadTeacher? in
      guard let teacher = teachers[parts[index].owner],
        let first = pass.owners.firstIndex(where: { $0.part == index }),
        let last = pass.owners.lastIndex(where: { $0.part == index })
      else { return nil }
      return try teacher.teach(parts[index], places: first..<last + 1)
    }
    let tape = base.tape(recording: true, checkpointsActivations: checkpointsActivations)
    let losses = try base.losses(pass.rows, labels: pass.labels, teachers: taught, on: tape)
    try tape.backward()
    return zip(pass.owners, losses).map { (parts[$0.part].owner, Double($1)) }
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
