import MotetTensor

/// What one adapter adds to a base, by place in ``BaseModel/sites``: the parts of which a mix is made.
@Compute
public struct AdapterParts {
  /// By site; empty for an adapter without low-rank updates.
  public var terms: [[BoundMix.Term]]
  /// Learnt embeddings before a sequence's first token, `[virtual tokens, hidden]`.
  public var prompt: Parameter?
  /// Learnt keys and values before a sequence's own, `[virtual tokens, layers·2·kvWidth]`: by layer, keys first.
  public var prefix: Parameter?

  public init(terms: [[BoundMix.Term]] = [], prompt: Parameter? = nil, prefix: Parameter? = nil) {
    self.terms = terms
    self.prompt = prompt
    self.prefix = prefix
  }
}

extension BoundMix {
  /// One adapter as it is.
  public convenience init(_ parts: AdapterParts) {
    self.init(terms: parts.terms, prompt: parts.prompt, prefix: parts.prefix)
  }

  /// The parts of several adapters, each with its weight. One that has virtual tokens comes alone, with weight 1: its
  /// method refuses to be blended.
  /// - Parameter sites: how many the base has
  public convenience init(_ parts: [(parts: AdapterParts, weight: Float)], sites: Int) {
    if let only = parts.first, parts.count == 1, only.weight == 1 {
      self.init(only.parts)
      return
    }
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
