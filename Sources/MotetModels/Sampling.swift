import MotetTensor

/// How the next token is chosen.
public struct Sampling: Sendable, Equatable {
  /// 0 takes the likeliest token.
  public var temperature: Float
  /// Only the k likeliest; 0 for all.
  public var topK: Int
  /// Only the likeliest that together reach this probability; 1 for all.
  public var topP: Float
  public var seed: UInt64

  public static let greedy = Sampling(temperature: 0)

  public init(temperature: Float, topK: Int = 0, topP: Float = 1, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }

  /// Chooses among `logits` `[vocabulary]`.
  func choose(_ logits: UnsafeBufferPointer<Float>, _ generator: inout SeededGenerator) -> Int32 {
    guard temperature > 0 else { return Self.likeliest(logits) }
    var candidates = logits.enumerated().map { (token: $0.offset, logit: $0.element) }
    if topK > 0 || topP < 1 { candidates.sort { ($0.logit, $1.token) > ($1.logit, $0.token) } }
    if topK > 0 { candidates = Array(candidates.prefix(topK)) }
    let highest = candidates.map(\.logit).max() ?? 0
    var weights = candidates.map { Double.exp(Double(($0.logit - highest) / temperature)) }
    var total = weights.reduce(0, +)
    if topP < 1 {
      var reached = 0.0
      var kept = 0
      while kept < weights.count, reached < Double(topP) * total {
        reached += weights[kept]
        kept += 1
      }
      weights = Array(weights.prefix(max(1, kept)))
      total = weights.reduce(0, +)
    }
    var draw = generator.uniform() * total
    for (index, weight) in weights.enumerated() {
      draw -= weight
      if draw < 0 { return Int32(candidates[index].token) }
    }
    return Int32(candidates[weights.count - 1].token)
  }

  private static func likeliest(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    var best = 0
    var highest = -Float.infinity
    for (index, value) in logits.enumerated() where value > highest {
      (best, highest) = (index, value)
    }
    return Int32(best)
  }
}
