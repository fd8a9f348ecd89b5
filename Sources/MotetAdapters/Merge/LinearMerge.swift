/// A = Σ σᵢ·√|wᵢsᵢ|·Aᵢ and B = Σ √|wᵢsᵢ|·Bᵢ, with σᵢ the sign of wᵢsᵢ.
///
/// Cheap, keeps the rank, and rough: B·A also holds the cross terms Bᵢ·Aⱼ.
/// It agrees with `add_weighted_adapter(combination_type="linear")` of PEFT 0.21 (`tuners/lora/model.py`).
public struct LinearMerge: MergeMethod {
  public static let name = "linear"
  public static let title = "adds the factors; the rank stays, cross terms come in"
  public static let source = "PEFT 0.21, LoraModel.add_weighted_adapter, combination_type linear"
  public static let options: [MergeOption] = []
  public static let takesRank = false

  public init(options: [String: Double] = [:]) {}

  public func merge(_ updates: [WeightedUpdate], rank: Int?, site: String) throws -> LowRankWeights {
    let first = updates[0].weights
    let ranks = updates.map(\.weights.rank)
    guard ranks.allSatisfy({ $0 == first.rank }) else {
      throw MergeError.ranksDiffer(site: site, ranks: ranks)
    }
    var loraA = [Float](repeating: 0, count: first.loraA.count)
    var loraB = [Float](repeating: 0, count: first.loraB.count)
    for update in updates {
      let coefficient = update.coefficient
      let root = Float(abs(coefficient).squareRoot())
      add(update.weights.loraA, times: coefficient < 0 ? -root : root, to: &loraA)
      add(update.weights.loraB, times: root, to: &loraB)
    }
    return try LowRankWeights(
      rank: first.rank, inputs: first.inputs, outputs: first.outputs, loraA: loraA, loraB: loraB,
      scale: 1, site: site)
  }

  private func add(_ values: [Float], times factor: Float, to sum: inout [Float]) {
    values.withUnsafeBufferPointer { values in
      sum.withUnsafeMutableBufferPointer { sum in
        for i in 0..<values.count { sum[i] += factor * values[i] }
      }
    }
  }
}
