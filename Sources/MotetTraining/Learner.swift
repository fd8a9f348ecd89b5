import CKernels
import Foundation
import MotetAdapters
import MotetModels
import MotetReport
import MotetTensor

/// One adapter under training: its parameters, its optimizer, and where it stands.
@Compute
final class Learner {
  enum Status: Codable, Equatable {
    case running, completed
    case stoppedEarly(step: Int)
    case diverged(step: Int)
  }

  let job: TrainingJob
  let adapter: any TrainableAdapter
  let guidance: Guidance
  /// nil once there are no more steps: what it remembers is as large as two or three adapters.
  private(set) var optimizer: (any Optimizer)?
  private(set) var status = Status.running {
    didSet { if !isRunning { optimizer = nil } }
  }
  private(set) var events: [TrainingEvent] = []
  private(set) var validations: [ValidationEvent] = []
  var evalBefore: NLL?
  private(set) var lastNLL: NLL?
  private(set) var bestNLL: NLL?
  /// The parameters with the lowest validation NLL, as they lie in memory.
  private(set) var bestParameters: [Data]?
  private var order: BatchOrder
  private var spikes: SpikeGuard
  private var smoothedLoss = Smoothing()
  private var dropoutSeeds: SeededGenerator
  // The step under way.
  private var lossSum = 0.0
  private var labels = 0
  private var tokens = 0
  private var tokensSoFar = 0
  /// For an adapter that diverged, the step whose weights it was given back.
  private(set) var goodStep: Int?

  init(_ job: TrainingJob, on base: BaseModel) throws {
    self.job = job
    adapter =
      try job.start.map { start in
        // What nothing trains would be lost from the adapter that is saved.
        guard start.trainsWhole else { throw ModelError.headUpdate }
        return try job.method.continue(start, on: base)
      }
      ?? job.method.begin(on: base, seed: job.initialSeed)
    guidance = try Guidance(job, adapter: adapter, on: base)
    optimizer = try job.options.optimizer.make(
      adapter.parameters, weightDecay: job.options.weightDecay,
      memory: job.options.optimizerMemory.map {
        OptimizerMemory(budget: $0, folder: OptimizerMemory.place(near: job.logs))
      })
    order = BatchOrder(job.data, options: job.options)
    spikes = SpikeGuard(sigma: job.options.spikeSigma)
    dropoutSeeds = SeededGenerator(seed: job.options.seed, for: "dropout")
    // Without a step there is none to end after.
    if order.steps == 0 { status = .completed }
  }

  /// What its rows carry: the adapter, and those it stands on.
  var mix: BoundMix { guidance.mix }
  var isRunning: Bool { status == .running }
  /// Whether nothing is left to do, the last evaluation included.
  var isOver: Bool { !isRunning && !isValidationDue }
  var step: Int { events.count }
  var steps: Int { order.steps }

  // MARK: One step

  /// The examples of the next step, in parts of at most `limit` tokens.
  func nextParts(limit: Int, owner: Int) throws -> [PassPart] {
    try adapter.beginStep(step, of: steps)
    let examples = try (order.next() ?? []).map { try job.data.example(at: $0) }
    lossSum = 0
    labels = max(1, examples.reduce(0) { $0 + $1.labelCount })
    tokens = examples.reduce(0) { $0 + $1.tokens.count }
    var seed = dropoutSeeds.next()
    return Pass.split(examples, limit: limit).map { part in
      defer { seed &+= UInt64(part.count) }
      return PassPart(
        examples: part, mix: mix, scale: 1 / Float(labels), owner: owner,
        dropoutSeed: job.method.dropout > 0 ? seed : nil)
    }
  }

  /// The sum of one pass's losses that are this adapter's.
  func gather(_ loss: Double) { lossSum += loss }

  /// Moves the parameters, unless the step is a spike or the end of this adapter.
  func finishStep(secondsSoFar seconds: Double) throws -> [RunEvent] {
    guard let optimizer else { return [] }
    let number = step + 1
    let penalty = guidance.penalty?.gather()
    adapter.gatherGradients()
    let loss = lossSum / Double(labels)
    let norm = optimizer.gradientNorm()
    guard loss.isFinite, norm.isFinite else { return [diverge(at: number)] }
    let options = job.options
    let rate =
      options.learningRate * options.schedule.factor(step: step, of: steps, warmup: options.warmup)
    let limit = spikes.limit
    let isSpike = limit.map { loss > $0 } ?? false
    if isSpike {
      optimizer.discardGradients()
      try adapter.derive()
    } else {
      optimizer.step(
        learningRate: rate, gradientScale: options.clip.map { min(1, $0 / (norm + 1e-6)) } ?? 1)
      try adapter.finishStep(learningRate: rate)
    }
    spikes.record(loss)
    tokensSoFar += tokens
    let event = TrainingEvent(
      job: job.name, step: number, steps: steps, loss: loss, smoothedLoss: smoothedLoss.add(loss),
      learningRate: rate, gradientNorm: norm, tokens: tokens,
      tokensPerSecond: Double(tokensSoFar) / max(seconds, 1e-9), seconds: seconds,
      secondsLeft: seconds / Double(number) * Double(steps - number), isSkipped: isSpike, penalty: penalty)
    events.append(event)
    if number == steps { status = .completed }
    var told = [RunEvent.step(event)]
    if let limit, isSpike { told.append(.spike(job: job.name, step: number, loss: loss, limit: limit)) }
    if !adapter.parameters.allSatisfy({ mk_all_finite($0.values.data, Int64($0.values.count)) }) {
      told.append(diverge(at: number))
    }
    return told
  }

  private func diverge(at number: Int) -> RunEvent {
    status = .diverged(step: number)
    return .diverged(job: job.name, step: number)
  }

  /// Puts the adapter's parameters back to what they were.
  func take(_ parameters: [Data]) throws {
    for (parameter, bytes) in zip(adapter.parameters, parameters) { parameter.values.take(bytes) }
    try adapter.derive()
  }

  /// Gives an adapter that diverged the weights of a checkpoint back.
  func takeBack(_ parameters: [Data], of step: Int) throws {
    try take(parameters)
    goodStep = step
  }

  // MARK: Validation

  /// Steps between evaluations; nil where only the end is measured.
  private var evaluationSteps: Int? {
    job.options.evaluationSteps
      ?? (job.options.needsValidation == nil ? nil : max(1, steps / 10))
  }

  /// How often the validation rows are gone through in a whole run.
  var evaluations: Int { job.validation == nil ? 0 : 2 + (evaluationSteps.map { (steps - 1) / $0 } ?? 0) }

  /// Whether the validation rows are due after the step just taken.
  var isValidationDue: Bool {
    guard job.validation != nil, step > 0, validations.last?.step != step else { return false }
    switch status {
    case .completed: return true
    case .running:
      return job.evaluationPoints.contains(step) || (evaluationSteps.map { step % $0 == 0 } ?? false)
    case .stoppedEarly, .diverged: return false
    }
  }

  /// Keeps what an evaluation found; says when training should end for it.
  func take(_ nll: NLL) -> [RunEvent] {
    lastNLL = nll
    let isBest = adapter.isSettled && nll.value < (bestNLL?.value ?? .infinity)
    if isBest {
      bestNLL = nll
      if job.options.keep == .best {
        // The older ones go before the new ones come.
        bestParameters = nil
        bestParameters = adapter.parameters.map(\.values.bytes)
      }
    }
    let event = ValidationEvent(job: job.name, step: step, nll: nll.value, isBest: isBest)
    validations.append(event)
    var events = [RunEvent.validation(event)]
    if let patience = job.options.patience, isRunning, adapter.isSettled,
      validations.reversed().prefix(while: { !$0.isBest }).count >= patience
    {
      status = .stoppedEarly(step: step)
      events.append(.stoppedEarly(job: job.name, step: step))
    }
    return events
  }

  /// Ends it before its last step, as others are better.
  func leaveOut() -> RunEvent {
    status = .stoppedEarly(step: step)
    return .leftOut(job: job.name, step: step)
  }

  // MARK: Going on from a checkpoint

  /// Takes up what a checkpoint holds, and draws again what was drawn before it.
  func restore(_ saved: LearnerState) throws {
    guard saved.parameters.count == adapter.parameters.count,
      zip(saved.parameters, adapter.parameters).allSatisfy({
        $0.count == $1.count * MemoryLayout<Float>.stride
      })
    else { throw OptimizerStateError.missing("parameters") }
    if saved.status == .running { try optimizer?.restore(saved.optimizer) }
    try adapter.restore(saved.memory)
    try take(saved.parameters)
    status = saved.status
    events = saved.events
    goodStep = saved.goodStep
    validations = saved.validations
    evalBefore = saved.evalBefore
    lastNLL = saved.lastNLL
    bestNLL = saved.bestNLL
    bestParameters = saved.bestParameters
    for event in events {
      _ = order.next()
      _ = dropoutSeeds.next()
      spikes.record(event.loss)
      smoothedLoss.add(event.loss)
      tokensSoFar += event.tokens
    }
  }
}

/// One adapter of a checkpoint.
struct LearnerState {
  var status: Learner.Status
  var goodStep: Int?
  var events: [TrainingEvent]
  var validations: [ValidationEvent]
  var evalBefore: NLL?
  var lastNLL: NLL?
  var bestNLL: NLL?
  var parameters: [Data]
  var bestParameters: [Data]?
  /// What the adapter's method remembers beside them.
  var memory: [String: [Float]]
  var optimizer: OptimizerState
}
