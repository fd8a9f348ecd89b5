import MotetModels
import MotetTensor

/// DoRA at one site: what is trained, and the factors and term that follow from it.
@Compute
struct DoRASite {
  /// In the base's sites.
  let index: Int
  let path: String
  let scale: Float
  /// `[rank, inputs]`
  let loraA: Parameter
  /// `[outputs, rank]`
  let loraB: Parameter
  /// m `[1, outputs]`
  let magnitudes: Parameter
  /// ‖W + s·B·A‖ by rows, `[1, outputs]`
  private let norms: Tensor
  /// c = m/n `[1, outputs]`
  private let factors: Parameter
  /// c ⊙ B `[outputs, rank]`
  private let scaledB: Parameter

  /// The sites of some weights, in the base's order, before the first ``derive(_:on:)``.
  ///
  /// Weights of low rank and nothing else get the norms for their magnitudes, and so go on as they are.
  static func all(
    of weights: AdapterWeights, on base: BaseModel, trainable: Bool
  ) throws -> [DoRASite] {
    let sites = base.sites.enumerated().compactMap { index, site in
      weights.sites[site.path].map {
        DoRASite(
          $0, weights.content?.tensors[site.path]?.values, at: index, path: site.path, trainable: trainable)
      }
    }
    if weights.content == nil {
      try takeNorms(sites, on: base)
      for site in sites { site.magnitudes.values.copy(from: site.norms) }
    }
    return sites
  }

  private init(
    _ update: LowRankWeights, _ magnitudes: [Float]?, at index: Int, path: String, trainable: Bool
  ) {
    self.index = index
    self.path = path
    scale = update.scale
    let ones = [Float](repeating: 1, count: update.outputs)
    loraA = Parameter(rows: update.rank, columns: update.inputs, update.loraA, trainable: trainable)
    loraB = Parameter(rows: update.outputs, columns: update.rank, update.loraB, trainable: trainable)
    self.magnitudes = Parameter(
      rows: 1, columns: update.outputs, magnitudes ?? ones, trainable: trainable)
    norms = Tensor(rows: 1, columns: update.outputs, ones)
    factors = Parameter(rows: 1, columns: update.outputs, ones, trainable: trainable)
    scaledB = Parameter(rows: update.outputs, columns: update.rank, update.loraB, trainable: trainable)
  }

  func term(dropout: Float) -> BoundMix.Term {
    BoundMix.Term(loraA: loraA, loraB: scaledB, scale: scale, dropout: dropout)
  }

  var scaling: SiteScaling { SiteScaling(.outputs, factors) }

  private static func takeNorms(_ sites: [DoRASite], on base: BaseModel) throws {
    let products = try base.products(
      of: Dictionary(uniqueKeysWithValues: sites.map { ($0.index, $0.loraA.values) }))
    for site in sites {
      guard let product = products[site.index] else { continue }
      site.norms.copy(
        from: .adaptedRowNorms(
          squares: base.squaredRowNorms(at: site.index), product: product, loraA: site.loraA.values,
          loraB: site.loraB.values, scale: site.scale))
    }
  }

  /// Brings the norms, the factors and the scaled B in line with the parameters.
  static func derive(_ sites: [DoRASite], on base: BaseModel) throws {
    try takeNorms(sites, on: base)
    for site in sites { site.deriveFactors() }
  }

  private func deriveFactors() {
    let rank = loraB.columns
    let (m, n, c) = (magnitudes.values.data, norms.data, factors.values.data)
    for j in 0..<loraB.rows {
      c[j] = m[j] / n[j]
      let (from, to) = (loraB.values.row(j), scaledB.values.row(j))
      for k in 0..<rank { to[k] = c[j] * from[k] }
    }
  }

  /// dB += c ⊙ d(cB), dm += (dc + Σ_k d(cB)_k·B_k)/n: the norm is constant on the way back.
  func gatherGradients() {
    guard let dm = magnitudes.gradient, let db = loraB.gradient, let dc = factors.gradient,
      let dScaled = scaledB.gradient
    else { return }
    let (n, c) = (norms.data, factors.values.data)
    for j in 0..<loraB.rows {
      let (slope, b, target) = (dScaled.row(j), loraB.values.row(j), db.row(j))
      var sum = dc.data[j]
      for k in 0..<loraB.columns {
        target[k] += c[j] * slope[k]
        sum += slope[k] * b[k]
      }
      dm.data[j] += sum / n[j]
    }
    dc.fill(0)
    dScaled.fill(0)
  }
}
