import MotetModels
import MotetTensor

/// DoRA under training: A, B and the magnitudes of every site.
@Compute
final class TrainableDoRA: TrainableAdapter {
  let mix: BoundMix
  /// A, B and m of every site, in the base's order.
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let sites: [DoRASite]
  private let base: BaseModel
  private let start: AdapterWeights

  /// - Parameter weights: DoRA's, or factors alone, whose norms then become the magnitudes
  init(_ weights: AdapterWeights, on base: BaseModel, dropout: Float) throws {
    sites = try DoRASite.all(of: weights, on: base, trainable: true)
    self.base = base
    start = weights
    parameters = sites.flatMap { [$0.loraA, $0.loraB, $0.magnitudes] }
    parameterCount = parameters.reduce(0) { $0 + $1.count }
    var terms: [[BoundMix.Term]] = Array(repeating: [], count: base.sites.count)
    for site in sites { terms[site.index] = [site.term(dropout: dropout)] }
    mix = BoundMix(
      AdapterParts(
        terms: terms, scalings: Dictionary(uniqueKeysWithValues: sites.map { ($0.index, $0.scaling) })))
    try derive()
  }

  func derive() throws { try DoRASite.derive(sites, on: base) }

  func gatherGradients() { for site in sites { site.gatherGradients() } }

  func weights() throws -> AdapterWeights {
    var updates: [String: LowRankWeights] = [:]
    for site in sites {
      updates[site.path] = try LowRankWeights(
        rank: site.loraA.rows, inputs: site.loraA.columns, outputs: site.loraB.rows,
        loraA: site.loraA.values.values, loraB: site.loraB.values.values, scale: site.scale, site: site.path)
    }
    let low = try AdapterWeights(
      sites: updates, baseModel: start.baseModel, isRankStabilized: start.isRankStabilized)
    return try low.adding(
      Dictionary(uniqueKeysWithValues: sites.map { ($0.path, $0.magnitudes.values.values) }))
  }
}
