import MotetAdapters
import MotetModels
import MotetTensor

/// Measures how fast an adapter trains on a base, and where the time goes.
public struct TrainingBench: Sendable {
  public let base: BaseModel
  public let method: any AdapterMethod
  public let tokensPerPass: Int
  public let checkpointsActivations: Bool

  public init(
    _ base: BaseModel, method: any AdapterMethod, tokensPerPass: Int, checkpointsActivations: Bool = false
  ) {
    self.base = base
    self.method = method
    self.tokensPerPass = tokensPerPass
    self.checkpointsActivations = checkpointsActivations
  }

  public struct Measurement: Sendable, Codable {
    public var steps: Int
    /// Positions computed: a row's last token is only predicted.
    public var tokens: Int
    public var labels: Int
    public var seconds: Double
    public var tokensPerSecond: Double
    /// Operations of ``TrainingCost`` a token.
    public var operationsPerToken: Double
    public var operationsPerSecond: Double
    /// Operations of each kind a token.
    public var operations: [String: Double]
    /// Seconds by operator, and what is left over.
    public var breakdown: [String: Double]
    public var peakRssBytes: Int
    public var loss: Double
  }

  /// Trains a fresh adapter on the batches, one step each, after a step to warm up that is not counted.
  @Compute
  public func run(
    _ batches: [[Example]], onStep: (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> Measurement {
    let adapter = try method.begin(on: base, seed: 0)
    let fresh = try adapter.weights().sites
    let adapted = try method.sites(of: base).map { (site: $0, rank: fresh[$0.path]?.rank ?? 0) }
    let optimizer = AdamW(adapter.parameters, options: AdamW.Options())
    let profile = OperatorProfile()
    if let first = batches.first { _ = try step(first, adapter, optimizer, profile: nil) }
    var cost = TrainingCost()
    var loss = 0.0
    var tokens = 0
    let began = ContinuousClock.now
    for (index, batch) in batches.enumerated() {
      try Task.checkCancellation()
      loss = try step(batch, adapter, optimizer, profile: profile)
      for pass in passes(batch, adapter) {
        tokens += pass.rows.reduce(0) { $0 + $1.tokens.count }
        cost += TrainingCost(
          base: base, adapted: adapted, lengths: pass.rows.map(\.tokens.count),
          labels: pass.labels.count)
      }
      onStep(index + 1, batches.count)
      await Task.yield()
    }
    let seconds = (ContinuousClock.now - began).inSeconds
    var breakdown = Dictionary(
      uniqueKeysWithValues: profile.seconds.map { ($0.key.rawValue, $0.value) })
    breakdown["rest"] = seconds - breakdown.values.reduce(0, +)
    let perToken = 1 / Double(tokens)
    return Measurement(
      steps: batches.count, tokens: tokens,
      labels: batches.reduce(0) { $0 + $1.reduce(0) { $0 + $1.labelCount } }, seconds: seconds,
      tokensPerSecond: Double(tokens) / seconds, operationsPerToken: cost.total * perToken,
      operationsPerSecond: cost.total / seconds,
      operations: [
        "layers": cost.layers * perToken, "head": cost.head * perToken,
        "low-rank": cost.lowRank * perToken, "attention": cost.attention * perToken,
      ], breakdown: breakdown, peakRssBytes: peakResidentBytes(), loss: loss)
  }

  @Compute
  private func passes(_ batch: [Example], _ adapter: any TrainableAdapter) -> [Pass] {
    let labels = batch.reduce(0) { $0 + $1.labelCount }
    return Pass.split(batch, limit: tokensPerPass).map {
      Pass([
        PassPart(examples: $0, mix: adapter.mix, scale: 1 / Float(labels), owner: 0, dropoutSeed: nil)
      ])
    }
  }

  /// - Returns: the mean loss over the batch's labels
  @Compute
  private func step(
    _ batch: [Example], _ adapter: any TrainableAdapter, _ optimizer: AdamW, profile: OperatorProfile?
  ) throws -> Double {
    let labels = batch.reduce(0) { $0 + $1.labelCount }
    var loss = 0.0
    try adapter.beginStep(0, of: 1)
    for pass in passes(batch, adapter) {
      let tape = base.tape(recording: true, checkpointsActivations: checkpointsActivations)
      tape.profile = profile
      loss += try base.losses(pass.rows, labels: pass.labels, on: tape).reduce(0) { $0 + Double($1) }
      try tape.backward()
    }
    profile.measured(.optimizer) {
      adapter.gatherGradients()
      let norm = optimizer.gradientNorm()
      optimizer.step(learningRate: 1e-4, gradientScale: min(1, 1 / (norm + 1e-6)))
      adapter.finishStep(learningRate: 1e-4)
    }
    BufferPool.endStep()
    return loss / Double(labels)
  }

  /// Rows of random tokens, every position labelled: as many positions as `length` a row.
  public static func randomBatches(
    steps: Int, rows: Int, length: Int, vocabulary: Int, seed: UInt64 = 0
  ) -> [[Example]] {
    var generator = SeededGenerator(seed: seed, for: "bench")
    return (0..<steps).map { _ in
      (0..<rows).map { row in
        let tokens = (0...length).map { _ in Int32(generator.next() % UInt64(vocabulary)) }
        return Example(tokens: tokens, labelled: tokens.indices.map { $0 > 0 }, line: row + 1)
      }
    }
  }
}
