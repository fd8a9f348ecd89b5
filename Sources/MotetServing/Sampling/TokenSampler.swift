import MotetTensor

/// Draws one request's tokens from its logits.
///
/// In the order of vLLM's sampler (v1): what an output format allows, the logit bias, the penalties (repetition,
/// frequency, presence), and then, unless the temperature is 0, the temperature, min-p, top-k, top-p and the draw. The
/// log-probabilities it tells are the model's own, before all of these. Of equal logits the lower id comes first.
struct TokenSampler {
  private let sampling: ServingSampling
  var generator: SeededGenerator
  /// Of the prompt, for the repetition penalty; empty where there is none.
  private var promptTokens: Set<Int32> = []
  /// How often the answer has each token; empty where no penalty asks for it.
  private var counts: [Int32: Int] = [:]

  init(_ sampling: ServingSampling, prompt: [Int32]) {
    self.sampling = sampling
    generator = SeededGenerator(seed: sampling.seed ?? UInt64.random(in: 0...UInt64.max))
    if sampling.repetitionPenalty != 1 { promptTokens = Set(prompt) }
  }

  /// A token for one place; changes `logits` as it goes.
  /// - Parameters:
  ///   - logits: `[vocabulary]`
  ///   - allowed: what an output format leaves; nil for all
  /// - Returns: nil when nothing can be chosen: a logit that is no number, or none that is allowed
  mutating func choose(
    _ logits: UnsafeMutableBufferPointer<Float>, allowed: TokenMask?, scratch: SamplerScratch
  ) -> Int32? {
    allowed?.apply(to: logits)
    for (token, bias) in sampling.logitBias { logits[Int(token)] += bias }
    if hasPenalties { penalize(logits) }
    let values = UnsafeBufferPointer(logits)
    guard let highest = VectorMath.maximum(values) else { return nil }
    let token =
      // Below, the likeliest token is all that is left, and its weight no number.
      sampling.temperature > 1e-5
      ? draw(values, highest: highest, scratch: scratch)
      : Int32(VectorMath.firstIndex(of: highest, in: values))
    if hasPenalties { counts[token, default: 0] += 1 }
    return token
  }

  private var hasPenalties: Bool {
    sampling.repetitionPenalty != 1 || sampling.presencePenalty != 0 || sampling.frequencyPenalty != 0
  }

  private func penalize(_ logits: UnsafeMutableBufferPointer<Float>) {
    let repetition = sampling.repetitionPenalty
    func repeated(_ token: Int32) {
      let logit = logits[Int(token)]
      logits[Int(token)] = logit > 0 ? logit / repetition : logit * repetition
    }
    if repetition != 1 {
      for token in promptTokens { repeated(token) }
      for token in counts.keys where !promptTokens.contains(token) { repeated(token) }
    }
    for (token, count) in counts {
      logits[Int(token)] -= sampling.frequencyPenalty * Float(count) + sampling.presencePenalty
    }
  }

  private mutating func draw(
    _ logits: UnsafeBufferPointer<Float>, highest: Float, scratch: SamplerScratch
  ) -> Int32 {
    scratch.prepare(logits.count)
    let total = VectorMath.exponentials(
      logits, highest: highest, scale: 1 / sampling.temperature, into: scratch.weights)
    let least = sampling.minP > 0 ? sampling.minP : 0
    if sampling.topK > 0 || sampling.topP < 1 {
      let kept = scratch.likeliest(
        logits, atLeast: least, topK: sampling.topK, topP: Double(sampling.topP), total: total)
      var draw = generator.uniform() * kept.reduce(0) { $0 + Double(scratch.weights[Int($1)]) }
      for token in kept {
        draw -= Double(scratch.weights[Int(token)])
        if draw < 0 { return token }
      }
      return kept.last ?? Int32(VectorMath.firstIndex(of: highest, in: logits))
    }
    var mass = total
    if least > 0 {
      mass = 0
      for index in 0..<logits.count where scratch.weights[index] >= least {
        mass += Double(scratch.weights[index])
      }
    }
    var draw = generator.uniform() * mass
    var last = 0
    for index in 0..<logits.count where scratch.weights[index] >= least && scratch.weights[index] > 0 {
      last = index
      draw -= Double(scratch.weights[index])
      if draw < 0 { break }
    }
    return Int32(last)
  }
}
