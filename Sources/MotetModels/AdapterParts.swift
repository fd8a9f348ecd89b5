import MotetTensor

/// What one adapter adds to a base, by place in ``BaseModel/sites``: the parts of which a mix is made.
@Compute
public struct AdapterParts {
  /// By site; empty for an adapter without low-rank updates.
  public var terms: [[BoundMix.Term]]
  /// Of the sites that it scales.
  public var scalings: [Int: SiteScaling]
  /// Of the sites that have some.
  public var experts: [Int: LowRankExperts]

  public init(
    terms: [[BoundMix.Term]] = [], scalings: [Int: SiteScaling] = [:], experts: [Int: LowRankExperts] = [:]
  ) {
    self.terms = terms
    self.scalings = scalings
    self.experts = experts
  }
}

extension BoundMix {
  /// The parts of several adapters, each with its weight.
  /// - Parameters:
  ///   - parts: of a site, all that scale it scale the same side of it; experts come alone, with weight 1, as their
  ///     method refuses to be blended
  ///   - sites: how many the base has
  public convenience init(_ parts: [(parts: AdapterParts, weight: Float)], sites: Int) {
    self.init(
      terms: (0..<sites).map { site in
        parts.flatMap { parts, weight in
          parts.terms.isEmpty ? [] : parts.terms[site].map { $0.weighted(weight) }
        }
      }, scalings: SiteScaling.sums(parts.map { ($0.parts.scalings, $0.weight) }),
      experts: parts.first?.parts.experts ?? [:])
  }
}

extension BoundMix.Term {
  fileprivate func weighted(_ weight: Float) -> BoundMix.Term {
    BoundMix.Term(loraA: loraA, loraB: loraB, scale: scale * weight, dropout: dropout)
  }
}
