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

  public init(_ side: Side, _ factors: Parameter) {
    self.side = side
    self.factors = factors
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
      var sum = [Float](repeating: 1, count: first.factors.count)
      for (scaling, weight) in entries {
        precondition(scaling.side == first.side, "a site is scaled on both sides")
        for index in sum.indices { sum[index] += weight * (scaling.factors.values.data[index] - 1) }
      }
      return SiteScaling(first.side, Parameter(rows: 1, columns: sum.count, sum, trainable: false))
    }
  }
}
