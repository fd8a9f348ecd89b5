import MotetTensor

/// What an adapter, or a mix of several, adds to a base.
@Compute
public struct AdapterParts {
  /// Low-rank updates by place in ``BaseModel/sites``; empty where there are none at all.
  public var terms: [[BoundMix.Term]]
  /// The same of adapters that are laid out for passes that only go forward; they have no `terms` then.
  public var forward: LowRankFactors?
  /// Low-rank updates of the head, `[vocabulary, hidden]`: of rows that answer or are scored, not of rows that train.
  public var headTerms: [BoundMix.Term]
  /// Of the sites that are scaled, by place in ``BaseModel/sites``.
  public var scalings: [Int: SiteScaling]
  /// Of the sites that have some, by place in ``BaseModel/sites``.
  public var experts: [Int: LowRankExperts]
  /// Learnt embeddings before a sequence's first token, `[virtual tokens, hidden]`.
  public var prompt: Parameter?
  /// Learnt keys and values before a sequence's own, `[virtual tokens, layers·2·kvWidth]`: by layer, keys first.
  public var prefix: Parameter?
  /// Modules after the sublayers, by layer as far as there are any.
  public var bottlenecks: [LayerBottlenecks?]
  /// Weights that rows go through in place of the base's.
  public var copy: WeightCopy?

  public init(
    terms: [[BoundMix.Term]] = [], headTerms: [BoundMix.Term] = [], forward: LowRankFactors? = nil,
    scalings: [Int: SiteScaling] = [:], experts: [Int: LowRankExperts] = [:],
    prompt: Parameter? = nil, prefix: Parameter? = nil, bottlenecks: [LayerBottlenecks?] = [],
    copy: WeightCopy? = nil
  ) {
    self.copy = copy
    self.terms = terms
    self.headTerms = headTerms
    self.forward = forward
    self.scalings = scalings
    self.experts = experts
    self.prompt = prompt
    self.prefix = prefix
    self.bottlenecks = bottlenecks
  }

  /// Positions that it takes of the context before a sequence's first token.
  public var virtualTokens: Int { (prompt?.rows ?? 0) + (prefix?.rows ?? 0) }

  /// The parts of several, each with its weight.
  ///
  /// Low-rank updates and scalings add up: of a site, all that scale it scale the same side of it. What does not add up
  /// comes alone, with weight 1, as its method refuses to be blended.
  /// - Parameter sites: how many the base has
  public init(_ parts: [(parts: AdapterParts, weight: Float)], sites: Int) {
    if let only = parts.first, parts.count == 1, only.weight == 1 {
      self = only.parts
      return
    }
    self.init(
      terms: (0..<sites).map { site in
        parts.flatMap { parts, weight in
          parts.terms.isEmpty ? [] : parts.terms[site].map { $0.weighted(weight) }
        }
      },
      headTerms: parts.flatMap { parts, weight in parts.headTerms.map { $0.weighted(weight) } },
      forward: LowRankFactors.sum(parts.compactMap { parts, weight in parts.forward.map { ($0, weight) } }),
      scalings: SiteScaling.sums(parts.map { ($0.parts.scalings, $0.weight) }))
  }
}

extension BoundMix {
  /// The parts of several adapters, each with its weight: see ``AdapterParts/init(_:sites:)``.
  public convenience init(_ parts: [(parts: AdapterParts, weight: Float)], sites: Int) {
    self.init(AdapterParts(parts, sites: sites))
  }
}

extension BoundMix.Term {
  fileprivate func weighted(_ weight: Float) -> BoundMix.Term {
    BoundMix.Term(loraA: loraA, loraB: loraB, scale: scale * weight, dropout: dropout)
  }
}

extension LowRankFactors {
  fileprivate static func sum(_ parts: [(factors: LowRankFactors, weight: Float)]) -> LowRankFactors? {
    parts.isEmpty ? nil : LowRankFactors(parts)
  }
}
