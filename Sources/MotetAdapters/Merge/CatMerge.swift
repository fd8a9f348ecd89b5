/// A = [w₁s₁A₁; w₂s₂A₂; …] and B = [B₁ B₂ …]: the weighted sum itself, at the price of the sum of the ranks.
///
/// It agrees with `add_weighted_adapter(combination_type="cat")` of PEFT 0.21 (`tuners/lora/model.py`).
public struct CatMerge: MergeMethod {
  public static let name = "cat"
  public static let title = "puts the factors side by side; exact, the ranks add up"
  public static let source = "PEFT 0.21, LoraModel.add_weighted_adapter, combination_type cat"
  public static let options: [MergeOption] = []
  public static let takesRank = false

  public init(options: [String: Double] = [:]) {}

  public func merge(_ updates: [WeightedUpdate], rank: Int?, site: String) throws -> LowRankWeights {
    let first = updates[0].weights
    let total = updates.reduce(0) { $0 + $1.weights.rank }
    var loraA: [Float] = []
    loraA.reserveCapacity(total * first.inputs)
    for update in updates {
      let coefficient = Float(update.coefficient)
      loraA.append(contentsOf: update.weights.loraA.lazy.map { coefficient * $0 })
    }
    var loraB: [Float] = []
    loraB.reserveCapacity(total * first.outputs)
    for output in 0..<first.outputs {
      for update in updates {
        let rank = update.weights.rank
        loraB.append(contentsOf: update.weights.loraB[output * rank..<(output + 1) * rank])
      }
    }
    return try LowRankWeights(
      rank: total, inputs: first.inputs, outputs: first.outputs, loraA: loraA, loraB: loraB, scale: 1,
      site: site)
  }
}
