import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

/// What happened in one optimizer step.
public struct TrainingEvent: Sendable, Equatable {
  public let step: Int
  public let steps: Int
  /// Mean over the step's labels, in nats.
  public let loss: Double
  public let learningRate: Double
  public let gradientNorm: Double
  /// Of this step, without padding.
  public let tokens: Int
  public let tokensPerSecond: Double
  public let secondsLeft: Double
}

/// What a run made.
public struct TrainingResult: Sendable {
  public let adapter: Adapter
  public let events: [TrainingEvent]
  public let evalBefore: NLL?
  public let evalAfter: NLL?
  /// Of the training loop alone.
  public let seconds: Double
  /// Whether it was asked to stop before its end.
  public let wasStopped: Bool
  /// The base's, equal before and after.
  public let fingerprint: String

  public var tokens: Int { events.reduce(0) { $0 + $1.tokens } }
  /// The mean of the last tenth of the steps.
  public var finalLoss: Double? {
    let last = events.suffix(max(1, events.count / 10))
    return last.isEmpty ? nil : last.reduce(0) { $0 + $1.loss } / Double(last.count)
  }
}

/// Trains one adapter on a frozen base.
///
///     let math = try await Trainer(base, method: LoRA(rank: 16))
///       .train(on: Dataset(contentsOf: "math.jsonl"), name: "math") { event in print(event) }
public struct Trainer: Sendable {
  public let base: BaseModel
  public let method: LoRA
  public let options: TrainingOptions

  public init(_ base: BaseModel, method: LoRA = LoRA(), options: TrainingOptions = TrainingOptions()) {
    self.base = base
    self.method = method
    self.options = options
  }

  /// Trains on `data`. A cancelled task stops after the step under way and returns what was learnt.
  /// - Parameters:
  ///   - name: what the adapter is called
  ///   - start: weights to go on from, in place of fresh ones
  ///   - evaluation: rows whose NLL is taken before and after
  /// - Throws: ``TrainingError``, ``LoRAError`` or ``DatasetError`` before any step; ``TrainingError/diverged(step:)``
  @Compute
  public func train(
    on data: Dataset, name: String = "adapter", from start: AdapterWeights? = nil,
    evaluation: Dataset? = nil, onEvent: @Compute (TrainingEvent) -> Void = { _ in }
  ) async throws -> TrainingResult {
    try options.validate()
    let examples = try data.examples(for: base, maximumLength: options.maximumLength)
    let heldOut = try evaluation?.examples(for: base, maximumLength: options.maximumLength)
    let adapter = TrainableAdapter(
      try start ?? method.initialWeights(for: base, seed: options.seed), on: base, dropout: method.dropout)
    let fingerprint = base.fingerprint()
    let before = try await evaluate(heldOut, adapter)
    let began = ContinuousClock.now
    let events = try await run(examples, adapter, onEvent)
    base.releaseBackward()
    BufferPool.trim()
    let seconds = (ContinuousClock.now - began).inSeconds
    let wasStopped = Task.isCancelled
    let after = wasStopped ? nil : try await evaluate(heldOut, adapter)
    let fingerprintAfter = base.fingerprint()
    guard fingerprint == fingerprintAfter else {
      throw TrainingError.baseChanged(before: fingerprint, after: fingerprintAfter)
    }
    let tokens = events.reduce(0) { $0 + $1.tokens }
    let record = AdapterRecord(
      motet: motetVersion, base: base.identity, dataHash: data.digest,
      training: TrainingRecord(
        method: "lora", steps: events.count, tokens: tokens, rows: examples.count, epochs: options.epochs,
        seconds: seconds, loss: events.last?.loss, evalNLLBefore: before?.value, evalNLLAfter: after?.value,
        learningRate: options.learningRate, seed: options.seed, settings: settings))
    return TrainingResult(
      adapter: Adapter(name: name, weights: try adapter.weights(), record: record), events: events,
      evalBefore: before, evalAfter: after, seconds: seconds, wasStopped: wasStopped, fingerprint: fingerprint
    )
  }

  private var settings: [String: String] {
    [
      "rank": "\(method.rank)", "alpha": "\(method.alpha)", "dropout": "\(method.dropout)",
      "init": method.initialization.rawValue, "batch": "\(options.batchRows)",
      "schedule": options.schedule.rawValue, "warmup": "\(options.warmup)",
      "weight_decay": "\(options.weightDecay)", "clip": options.clip.map { "\($0)" } ?? "none",
      "precision": base.precision.rawValue, "shuffle": "\(options.shuffles)",
    ]
  }

  @Compute
  private func evaluate(_ examples: [Example]?, _ adapter: TrainableAdapter) async throws -> NLL? {
    guard let examples else { return nil }
    return try await base.nll(of: examples, mix: adapter.mix)
  }

  @Compute
  private func run(
    _ examples: [Example], _ adapter: TrainableAdapter, _ onEvent: @Compute (TrainingEvent) -> Void
  ) async throws -> [TrainingEvent] {
    let batches = batches(examples)
    let optimizer = AdamW(adapter.parameters, options: AdamW.Options(weightDecay: options.weightDecay))
    var dropoutSeeds = SeededGenerator(seed: options.seed, for: "dropout")
    let began = ContinuousClock.now
    var events: [TrainingEvent] = []
    var tokensDone = 0
    for (index, batch) in batches.enumerated() {
      if Task.isCancelled { break }
      let (loss, tokens) = try gatherGradients(batch, adapter, dropoutSeed: dropoutSeeds.next())
      let norm = optimizer.gradientNorm()
      guard loss.isFinite, norm.isFinite else { throw TrainingError.diverged(step: index + 1) }
      let rate =
        options.learningRate
        * options.schedule.factor(step: index, of: batches.count, warmup: options.warmup)
      let scale = options.clip.map { min(1, $0 / (norm + 1e-6)) } ?? 1
      optimizer.step(learningRate: rate, gradientScale: scale)
      BufferPool.endStep()
      tokensDone += tokens
      let elapsed = (ContinuousClock.now - began).inSeconds
      let event = TrainingEvent(
        step: index + 1, steps: batches.count, loss: loss, learningRate: rate, gradientNorm: norm,
        tokens: tokens, tokensPerSecond: Double(tokensDone) / elapsed,
        secondsLeft: elapsed / Double(index + 1) * Double(batches.count - index - 1))
      events.append(event)
      onEvent(event)
      await Task.yield()
    }
    return events
  }

  /// Forward and backward over a batch, in as many passes as its tokens ask for; the mean is over all its labels.
  @Compute
  private func gatherGradients(
    _ batch: [Example], _ adapter: TrainableAdapter, dropoutSeed: UInt64
  ) throws -> (loss: Double, tokens: Int) {
    let labels = batch.reduce(0) { $0 + $1.labelCount }
    var loss = 0.0
    var tokens = 0
    for (number, part) in Pass.split(batch, limit: options.tokensPerPass).enumerated() {
      let pass = Pass(part, mix: adapter.mix, scale: 1 / Float(labels))
      let tape = Tape(recording: true, storage: base.precision == .bf16 ? .bf16 : .f32)
      let losses = try base.losses(
        pass.rows, labels: pass.labels, on: tape, dropoutSeed: dropoutSeed &+ UInt64(number))
      try tape.backward()
      loss += losses.reduce(0) { $0 + Double($1) } / Double(labels)
      tokens += part.reduce(0) { $0 + $1.tokens.count }
    }
    return (loss, tokens)
  }

  /// The rows of each step. Part of an epoch takes its first rows.
  func batches(_ examples: [Example]) -> [[Example]] {
    var generator = SeededGenerator(seed: options.seed, for: "order")
    var result: [[Example]] = []
    var rowsLeft = Int((options.epochs * Double(examples.count)).rounded(.up))
    while rowsLeft > 0 {
      let order = options.shuffles ? examples.shuffled(using: &generator) : examples
      let epoch = order.prefix(rowsLeft)
      for start in stride(from: 0, to: epoch.count, by: options.batchRows) {
        result.append(Array(epoch[start..<min(start + options.batchRows, epoch.count)]))
      }
      rowsLeft -= epoch.count
    }
    return result
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
