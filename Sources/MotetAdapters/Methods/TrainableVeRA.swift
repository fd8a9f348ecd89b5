import MotetModels
import MotetTensor

/// The vectors b and d of each site, and diag(b)·B·diag(d) as the pass takes it.
@Compute
final class TrainableVeRA: TrainableAdapter {
  private struct Site {
    let path: String
    /// `[1, outputs]`
    let b: Parameter
    /// `[1, rank]`
    let d: Parameter
    /// `[outputs, rank]`, where the pass leaves the gradient.
    let product: Parameter
  }
  let mix: BoundMix
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let base: BaseModel
  private let content: VeRAContent
  private let sites: [Site]
  /// B of all sites, `[outputs, rank]`.
  private let loraB: Tensor

  init(_ content: VeRAContent, on base: BaseModel, dropout: Float) {
    let projections = content.projections
    let rank = projections.rank
    let vectors = Dictionary(content.vectors.map { ($0.site, $0) }, uniquingKeysWith: { $1 })
    var shared: [Int: Parameter] = [:]
    var sites: [Site] = []
    let terms = base.sites.map { place -> [BoundMix.Term] in
      guard let own = vectors[place.path] else { return [] }
      let loraA =
        shared[place.inputs]
        ?? Parameter(
          rows: rank, columns: place.inputs, projections.sliceA(place.inputs), trainable: false)
      shared[place.inputs] = loraA
      let site = Site(
        path: place.path, b: Parameter(rows: 1, columns: place.outputs, own.b, trainable: true),
        d: Parameter(rows: 1, columns: rank, own.d, trainable: true),
        product: Parameter(
          rows: place.outputs, columns: rank, [Float](repeating: 0, count: place.outputs * rank),
          trainable: true))
      sites.append(site)
      return [BoundMix.Term(loraA: loraA, loraB: site.product, scale: 1, dropout: dropout)]
    }
    self.base = base
    self.content = content
    self.sites = sites
    loraB = Tensor(rows: projections.outputs, columns: rank, projections.loraB)
    mix = BoundMix(terms: terms)
    parameters = sites.flatMap { [$0.b, $0.d] }
    parameterCount = parameters.reduce(0) { $0 + $1.count }
    derive()
  }

  func derive() {
    for site in sites {
      let d = site.d.values.data
      for row in 0..<site.product.rows {
        let (from, to) = (loraB.row(row), site.product.values.row(row))
        let b = site.b.values.data[row]
        for column in 0..<site.product.columns { to[column] = b * from[column] * d[column] }
      }
    }
  }

  /// With G = ∂L/∂(diag(b)·B·diag(d)): ∂L/∂b = Σ_columns G∘B·diag(d), ∂L/∂d = Σ_rows G∘diag(b)·B.
  func gatherGradients() {
    for site in sites {
      guard let slope = site.product.gradient, let db = site.b.gradient, let dd = site.d.gradient else {
        continue
      }
      let (d, toD) = (site.d.values.data, dd.data)
      for row in 0..<site.product.rows {
        let (from, g) = (loraB.row(row), slope.row(row))
        let b = site.b.values.data[row]
        var sum: Float = 0
        for column in 0..<site.product.columns {
          let part = g[column] * from[column]
          sum += part * d[column]
          toD[column] += part * b
        }
        db.data[row] += sum
      }
      slope.fill(0)
    }
  }

  func weights() throws -> AdapterWeights {
    var trained = content
    trained.vectors = sites.map {
      VeRAVectors(site: $0.path, b: $0.b.values.values, d: $0.d.values.values)
    }
    return try trained.weights(for: base, baseModel: base.name)
  }
}
