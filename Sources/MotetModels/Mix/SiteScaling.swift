import MotetTensor

/// What a mix multiplies a site's frozen product by, value by value: y = c ⊙ (W·x) for its outputs, W·(c ⊙ x) for its
/// inputs. Low-rank terms are added to that as they are.
@Compute
public struct SiteScaling {
  public enum Side: Sendable {
    case inputs
    case outputs
  }

  public let side: Side
  /// c `[1, inputs]` or `[1, outputs]`
  public let factors: Parameter
  /// What a bias of the site is multiplied by, `[1, outputs]`; nil leaves it as it is. IA3 scales what the layer gives,
  /// its bias with it; DoRA scales the product alone.
  public let biasFactors: Parameter?

  public init(_ side: Side, _ factors: Parameter, biasFactors: Parameter? = nil) {
    self.side = side
    self.factors = factors
    self.biasFactors = biasFactors
  }

  /// c = 1 + Σ w·(cᵢ − 1), by site: the sum of what each changes of W, as exact as that of low-rank terms.
  static func sums(_ parts: [(scalings: [Int: SiteScaling], weight: Float)]) -> [Int: SiteScaling] {
    var entries: [Int: [(scaling: SiteScaling, weight: Float)]] = [:]
    for part in parts {
      for (site, scaling) in part.scalings { entries[site, default: []].append((scaling, part.weight)) }
    }
    return entries.mapValues { entries in
      let first = entries[0].scaling
      if entries.count == 1, entries[0].weight == 1 { return first }
      precondition(entries.allSatisfy { $0.scaling.side == first.side }, "a site is scaled on both sides")
      let ofBias = entries.compactMap { entry in entry.scaling.biasFactors.map { ($0, entry.weight) } }
      return SiteScaling(
        first.side, sum(entries.map { ($0.scaling.factors, $0.weight) }),
        biasFactors: ofBias.isEmpty ? nil : sum(ofBias))
    }
  }

  private static func sum(_ parts: [(factors: Parameter, weight: Float)]) -> Parameter {
    var sum = [Float](repeating: 1, count: parts[0].factors.count)
    for (factors, weight) in parts {
      for index in sum.indices { sum[index] += weight * (factors.values.data[index] - 1) }
    }
    return Parameter(rows: 1, columns: sum.count, sum, trainable: false)
  }
}
