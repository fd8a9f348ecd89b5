import MotetAdapters
import MotetModels

/// The operations that training an adapter needs, counted by hand: a multiplication and an addition are two.
///
/// Forward and backward each multiply W once; W has no gradient, and the first adapted layer's input needs none.
public struct TrainingCost: Sendable, Equatable {
  /// x·Wᵀ and dy·W of the layers.
  public var layers = 0.0
  /// The head's two products, where a label is.
  public var head = 0.0
  /// x·Aᵀ, ·Bᵀ and the four products of their backward pass.
  public var lowRank = 0.0
  /// Causal attention: two products forward, five backward.
  public var attention = 0.0

  public var total: Double { layers + head + lowRank + attention }

  public init() {}

  /// What one pass over sequences costs.
  /// - Parameters:
  ///   - lengths: positions of each sequence
  ///   - labels: positions that predict
  ///   - adapted: the sites with the rank of the update at each
  public init(base: BaseModel, adapted: [(site: AdapterSite, rank: Int)], lengths: [Int], labels: Int) {
    let c = base.configuration
    let tokens = Double(lengths.reduce(0, +))
    let lowest = adapted.map(\.site.layer).min() ?? 0
    for site in base.sites {
      let products = site.layer > lowest ? 2.0 : 1.0
      let one = 2 * tokens * Double(site.inputs * site.outputs)
      // Of the lowest adapted layer, those that read its first norm go back no further.
      let readsNorm = [.query, .key, .value, .queryKeyValue].contains(site.kind)
      layers += one * (site.layer == lowest && !readsNorm ? 2 : products)
    }
    head = 4 * Double(labels) * Double(c.hiddenSize * c.vocabulary)
    lowRank =
      6 * 2 / 2
      * adapted.reduce(0.0) { sum, adapted in
        sum + tokens * Double(adapted.rank * (adapted.site.inputs + adapted.site.outputs))
      }
    let pairs = lengths.reduce(0.0) { $0 + Double($1) * Double($1 + 1) / 2 }
    let shape = base.model.attentionShape
    attention = 7 * 2 * pairs * Double(shape.heads * shape.headDimension * c.layers)
  }

  static func += (sum: inout TrainingCost, other: TrainingCost) {
    sum.layers += other.layers
    sum.head += other.head
    sum.lowRank += other.lowRank
    sum.attention += other.attention
  }
}
