import MotetModels
import MotetTensor

/// Low-rank weights under training, both factors themselves.
@Compute
public final class TrainableLoRA: TrainableAdapter {
  public let mix: BoundMix
  /// A and B of every site, in the base's order.
  public let parameters: [Parameter]
  public nonisolated let parameterCount: Int
  private let sites: [(path: String, loraA: Parameter, loraB: Parameter, scale: Float)]
  private let baseModel: String?
  private let isRankStabilized: Bool

  /// - Parameters:
  ///   - trainsA: off, A stays as it is
  ///   - rateOfB: what the learning rate of B is multiplied by
  public init(
    _ weights: AdapterWeights, on base: BaseModel, dropout: Float = 0, trainsA: Bool = true,
    rateOfB: Double = 1
  ) {
    var sites: [(path: String, loraA: Parameter, loraB: Parameter, scale: Float)] = []
    let terms = base.sites.map { site -> [BoundMix.Term] in
      guard let update = weights.sites[site.path] else { return [] }
      let a = Parameter(rows: update.rank, columns: update.inputs, update.loraA, trainable: trainsA)
      let b = Parameter(
        rows: update.outputs, columns: update.rank, update.loraB, trainable: true, rate: rateOfB)
      sites.append((site.path, a, b, update.scale))
      return [BoundMix.Term(loraA: a, loraB: b, scale: update.scale, dropout: dropout)]
    }
    self.sites = sites
    mix = BoundMix(terms: terms)
    parameters = sites.flatMap { trainsA ? [$0.loraA, $0.loraB] : [$0.loraB] }
    parameterCount = parameters.reduce(0) { $0 + $1.count }
    baseModel = weights.baseModel
    isRankStabilized = weights.isRankStabilized
  }

  public func weights() throws -> AdapterWeights {
    var updates: [String: LowRankWeights] = [:]
    for (path, a, b, scale) in sites {
      updates[path] = try LowRankWeights(
        rank: a.rows, inputs: a.columns, outputs: b.rows, loraA: a.values.values, loraB: b.values.values,
        scale: scale, site: path)
    }
    return try AdapterWeights(sites: updates, baseModel: baseModel, isRankStabilized: isRankStabilized)
  }
}
