import CKernels
import MotetTensor

extension LowRankWeights {
  /// The same update, in factors that bear rounding.
  ///
  /// Rounding changes each value by a part of the largest one beside it. In most adapters that is the same part of B·A.
  /// Where the ranks cancel one another or differ much in size, the change is many times larger: one that PiSSA trained
  /// becomes B·A - B₀·A₀ for PEFT's files, whose terms are hundreds of times larger than their difference. Such factors
  /// are made anew from the singular values of their product, as ``SVDMerge`` makes them.
  func readyToRound(site: String) -> LowRankWeights {
    guard rank <= min(inputs, outputs), roundingGrowth > Self.bearable else { return self }
    let update = WeightedUpdate(weights: self, weight: 1)
    // The sum of one update, which has been checked, cannot fail; and if it could, the factors would still be right.
    return (try? SVDMerge().merge([update], rank: rank, site: site)) ?? self
  }

  /// By how much the square of rounding's change to B·A may exceed what it is when all values are alike: of a Gaussian
  /// B of rank 16 the largest value of a row is 1.8 times the root mean square, which gives 3.
  fileprivate static let bearable: Float = 16

  /// (Σₙ maxₖ Bₙₖ²)·‖A‖² / ‖B·A‖²; 0 for an update of zeros.
  var roundingGrowth: Float {
    mk_factors_growth(loraA, loraB, Int64(inputs), Int64(outputs), Int64(rank))
  }

  /// - Returns: the scale
  func copy(to values: LowRankFactors.Values) -> Float {
    precondition(values.loraA.count == loraA.count && values.loraB.count == loraB.count)
    _ = values.loraA.update(fromContentsOf: loraA)
    _ = values.loraB.update(fromContentsOf: loraB)
    return scale
  }
}

extension LowRankFactors.Values {
  /// Whether rounding changes their product no more than it does in most adapters.
  func bearRounding(rank: Int, inputs: Int, outputs: Int) -> Bool {
    mk_factors_growth(loraA.baseAddress, loraB.baseAddress, Int64(inputs), Int64(outputs), Int64(rank))
      <= LowRankWeights.bearable
  }
}
