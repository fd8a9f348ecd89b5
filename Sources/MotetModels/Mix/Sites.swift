import MotetTensor

/// A frozen matrix that adapters can add to, by the name the field gives it.
public struct AdapterSite: Sendable, Hashable {
  /// `layers.3.self_attn.q_proj`
  public let path: String
  public let layer: Int
  /// `q_proj`
  public let module: String
  /// What its matrix computes, whatever the family calls it.
  public let kind: LinearBlock.Kind
  public let inputs: Int
  public let outputs: Int
  /// Whether other sites take the same input and are multiplied with it as one matrix.
  public let sharesInput: Bool
}

/// A layer's modules: what attention gives goes through one, and what the feed-forward block gives through the other.
@Compute
public struct LayerBottlenecks {
  public let attention: Bottleneck
  public let feedForward: Bottleneck

  public init(attention: Bottleneck, feedForward: Bottleneck) {
    self.attention = attention
    self.feedForward = feedForward
  }
}

/// What one mix adds, in place for one base: what a row of a batch carries.
///
/// Rows that carry the same object stand in one segment.
@Compute
public final class BoundMix {
  /// One adapter's part at one site.
  public struct Term {
    public let loraA: Parameter
    public let loraB: Parameter
    /// The adapter's own scale times its weight in the mix.
    public let scale: Float
    /// The rate at which inputs are dropped while it trains.
    public let dropout: Float

    public init(loraA: Parameter, loraB: Parameter, scale: Float, dropout: Float = 0) {
      self.loraA = loraA
      self.loraB = loraB
      self.scale = scale
      self.dropout = dropout
    }
  }

  public let parts: AdapterParts

  public init(_ parts: AdapterParts) { self.parts = parts }

  public convenience init(terms: [[Term]]) { self.init(AdapterParts(terms: terms)) }

  /// Low-rank updates by place in ``BaseModel/sites``; empty for the base itself.
  public var terms: [[Term]] { parts.terms }
  public var forward: LowRankFactors? { parts.forward }
  public var headTerms: [Term] { parts.headTerms }
  public var scalings: [Int: SiteScaling] { parts.scalings }
  public var experts: [Int: LowRankExperts] { parts.experts }
  public var prompt: Parameter? { parts.prompt }
  public var prefix: Parameter? { parts.prefix }
  public var bottlenecks: [LayerBottlenecks?] { parts.bottlenecks }
  public var copy: WeightCopy? { parts.copy }
  /// Positions that it takes of the context before a sequence's first token.
  public var virtualTokens: Int { parts.virtualTokens }

  /// The empty mix.
  public static let base = BoundMix(terms: [])
}
