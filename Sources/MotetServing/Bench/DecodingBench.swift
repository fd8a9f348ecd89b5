import MotetAdapters
import MotetModels
import MotetTensor

/// Measures how fast a base answers under adapters, beside what the bytes of a step allow.
public struct DecodingBench: Sendable {
  /// What the rows of a step carry.
  public enum Carried: String, Sendable, Codable, CaseIterable {
    case base
    case oneAdapter = "one adapter"
    case ownAdapters = "own adapters"
  }

  public struct Measurement: Sendable, Codable {
    public var rows: Int
    public var carried: Carried
    /// Tokens of a row that each step sees, on average.
    public var context: Double
    public var tokensPerSecond: Double
    public var secondsPerStep: Double
    /// Weights, adapters, keys and values that a step reads.
    public var bytesPerStep: Double
    /// What memory gave all threads just before the steps or just after, whichever was more: neighbours on the same
    /// machine take of it, now more and now less.
    public var bytesPerSecond: Double
    /// The step that memory allows, over the step that was: 1 at the bound.
    public var shareOfBound: Double
  }

  /// One prompt read at once.
  public struct Reading: Sendable, Codable {
    public var tokens: Int
    public var carried: Carried
    public var tokensPerSecond: Double
  }

  private let base: BaseModel
  private let adapters: [PreparedAdapter]

  /// - Parameters:
  ///   - rank: of fresh adapters on all linear modules
  ///   - count: how many there are, for as many rows
  public init(_ base: BaseModel, rank: Int, count: Int) async throws {
    self.base = base
    adapters = try (0..<count).map { index in
      let weights = try LoRA(rank: rank).initialWeights(for: base, seed: UInt64(index))
      return PreparedAdapter(Adapter(name: "a\(index)", weights: weights), for: base)
    }
  }

  @Compute
  private func mixes(_ carried: Carried, rows: Int) throws -> [BoundMix] {
    switch carried {
    case .base: return Array(repeating: .base, count: rows)
    case .oneAdapter:
      return Array(repeating: try BoundMix([(adapters[0], 1)], to: base), count: rows)
    case .ownAdapters:
      return try (0..<rows).map { try BoundMix([(adapters[$0 % adapters.count], 1)], to: base) }
    }
  }

  /// The median step of `steps`, after prompts of `prompt` tokens.
  @Compute
  public func decode(rows: Int, carried: Carried, prompt: Int, steps: Int) async throws -> Measurement {
    let mixes = try mixes(carried, rows: rows)
    let pool = base.keyValuePool()
    let caches = mixes.map { _ in KeyValueCache(in: pool) }
    func pass(_ tokens: [Int32], at start: Int) throws {
      let batch = zip(mixes, caches).map { BatchRow(tokens: tokens, mix: $0, start: start, cache: $1) }
      let last = batch.indices.map { ($0 + 1) * tokens.count - 1 }
      _ = try base.logits(batch, at: last, on: base.tape(recording: false))
      BufferPool.endStep(keeping: 8)
    }
    try pass(Self.tokens(prompt, base), at: 0)
    let before = MemoryBandwidth.measured()
    var seconds: [Double] = []
    for step in 0..<steps {
      try Task.checkCancellation()
      let began = ContinuousClock.now
      try pass([Int32(step % 1000 + 3)], at: prompt + step)
      seconds.append((ContinuousClock.now - began) / .seconds(1))
      await Task.yield()
    }
    let bandwidth = max(before, MemoryBandwidth.measured())
    let median = seconds.sorted()[steps / 2]
    let context = Double(prompt) + Double(steps) / 2
    let distinct = carried == .base ? 0 : carried == .oneAdapter ? 1 : min(rows, adapters.count)
    let bytes =
      Double(base.byteCount) + Double(adapters.prefix(distinct).reduce(0) { $0 + $1.byteCount })
      + Double(rows * pool.pageBytes) * context / Double(KeyValuePool.pageTokens)
    return Measurement(
      rows: rows, carried: carried, context: context, tokensPerSecond: Double(rows) / median,
      secondsPerStep: median, bytesPerStep: bytes, bytesPerSecond: bandwidth,
      shareOfBound: bytes / bandwidth / median)
  }

  /// The best of some readings of one prompt.
  @Compute
  public func read(tokens: Int, carried: Carried) async throws -> Reading {
    let mix = try mixes(carried, rows: 1)[0]
    let pool = base.keyValuePool()
    var best = Double.infinity
    for _ in 0..<4 {
      try Task.checkCancellation()
      let row = BatchRow(
        tokens: Self.tokens(tokens, base), mix: mix, cache: KeyValueCache(in: pool))
      let began = ContinuousClock.now
      _ = try base.logits([row], at: [tokens - 1], on: base.tape(recording: false))
      best = min(best, (ContinuousClock.now - began) / .seconds(1))
      await Task.yield()
    }
    return Reading(tokens: tokens, carried: carried, tokensPerSecond: Double(tokens) / best)
  }

  private static func tokens(_ count: Int, _ base: BaseModel) -> [Int32] {
    var generator = SeededGenerator(seed: 1)
    return (0..<count).map { _ in Int32(generator.next() % UInt64(base.configuration.vocabulary)) }
  }
}
