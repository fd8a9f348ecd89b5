import MotetTensor

/// What one adapter adds to a base, by place in ``BaseModel/sites``: the parts of which a mix is made.
@Compute
public struct AdapterParts {
  /// By site; empty for an adapter without low-rank updates.
  public var terms: [[BoundMix.Term]]

  public init(terms: [[BoundMix.Term]] = []) {
    self.terms = terms
  }
}

extension BoundMix {
  /// The parts of several adapters, each with its weight.
  /// - Parameter sites: how many the base has
  public convenience init(_ parts: [(parts: AdapterParts, weight: Float)], sites: Int) {
    self.init(
      terms: (0..<sites).map { site in
        parts.flatMap { parts, weight in
          parts.terms.isEmpty ? [] : parts.terms[site].map { $0.weighted(weight) }
        }
      })
  }
}

extension BoundMix {
  /// What `upper` and `lower` add together: an adapter under training on those that it stands on.
  public convenience init(_ upper: BoundMix, over lower: BoundMix) {
    let sites = max(upper.terms.count, lower.terms.count)
    self.init(
      terms: (0..<sites).map { site in
        [upper, lower].flatMap { $0.terms.isEmpty ? [] : $0.terms[site] }
      })
  }
}

extension BoundMix.Term {
  fileprivate func weighted(_ weight: Float) -> BoundMix.Term {
    BoundMix.Term(loraA: loraA, loraB: loraB, scale: scale * weight, dropout: dropout)
  }
}
