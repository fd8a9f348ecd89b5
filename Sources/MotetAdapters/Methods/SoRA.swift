import MotetModels
import MotetTensor

/// ΔW = (α/r)·B·diag(g)·A with a gate g for each rank, which is made sparse (Ding et al. 2023, arXiv 2311.11696,
/// equations 5 to 8): after the optimizer's step with the rate η,
///
///     g ← T_ηλ(g),  T_ξ(x) = sign(x)·max(|x| − ξ, 0)
///
/// Ranks whose gate is zero at the end are cut away and the others' gates go into B: what is saved is a plain LoRA,
/// with a rank of its own at each site. Gates begin as standard normal numbers, as in the authors' code, so that
/// some are near zero from the start.
public struct SoRA: LowRankMethod, Equatable {
  public static let name = "sora"
  public static let title = "LoRA with a gate on each rank, made sparse; ranks whose gate closes are cut away"
  public static let source = "Ding et al. 2023, arXiv 2311.11696"
  public static let learningRate = 1e-3
  public static let options = [
    MethodOption(
      "sparsity", "λ", "How hard gates are drawn to zero: by λ times the learning rate a step (10).")
  ]

  public var shape: LoRA
  /// λ
  public var sparsity: Double

  public init(_ shape: LoRA = LoRA(), sparsity: Double = 10) {
    self.shape = shape
    self.sparsity = sparsity
  }

  public init(_ settings: MethodSettings) throws {
    self.init(settings.shape, sparsity: try settings.number("sparsity", or: 10, within: 0...100_000))
  }

  public var ownSettings: [String: String] { ["sparsity": "\(sparsity)"] }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    let weights = try shape.initialWeights(for: base, seed: seed)
    var gates: [String: [Float]] = [:]
    for (path, update) in weights.sites {
      var generator = SeededGenerator(seed: seed, for: "gates of \(path)")
      gates[path] = (0..<update.rank).map { _ in Float(generator.normal()) }
    }
    return TrainableSoRA(weights, gates: gates, on: base, method: self)
  }

  /// All gates are 1 at first: the adapter begins as it was.
  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    let gates = weights.sites.mapValues { [Float](repeating: 1, count: $0.rank) }
    return TrainableSoRA(weights, gates: gates, on: base, method: self)
  }
}

/// A, B and the gate of each site.
@Compute
final class TrainableSoRA: TrainableAdapter {
  private struct Site {
    let path: String
    let scale: Float
    let loraA: Parameter
    let factor: GatedFactor
  }
  let mix: BoundMix
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let sites: [Site]
  private let start: AdapterWeights
  private let sparsity: Double

  init(_ weights: AdapterWeights, gates: [String: [Float]], on base: BaseModel, method: SoRA) {
    var sites: [Site] = []
    let terms = base.sites.map { place -> [BoundMix.Term] in
      guard let update = weights.sites[place.path], let gate = gates[place.path] else { return [] }
      let site = Site(
        path: place.path, scale: update.scale,
        loraA: Parameter(rows: update.rank, columns: update.inputs, update.loraA, trainable: true),
        factor: GatedFactor(update.loraB, outputs: update.outputs, gate: gate, trainsGate: true))
      sites.append(site)
      return [
        BoundMix.Term(
          loraA: site.loraA, loraB: site.factor.product, scale: site.scale, dropout: method.dropout)
      ]
    }
    self.sites = sites
    start = weights
    sparsity = method.sparsity
    mix = BoundMix(terms: terms)
    parameters = sites.flatMap { [$0.loraA, $0.factor.loraB, $0.factor.gate] }
    parameterCount = parameters.reduce(0) { $0 + $1.count }
  }

  func derive() { for site in sites { site.factor.derive() } }

  func gatherGradients() { for site in sites { site.factor.gatherGradients() } }

  /// The proximal step of the gates' L1 norm.
  func finishStep(learningRate: Double) {
    let threshold = Float(learningRate * sparsity)
    for site in sites {
      let gate = site.factor.gate.values
      for index in 0..<gate.count {
        let value = gate.data[index]
        gate.data[index] = value > threshold ? value - threshold : value < -threshold ? value + threshold : 0
      }
    }
    derive()
  }

  func weights() throws -> AdapterWeights {
    var updates: [String: LowRankWeights] = [:]
    var gates: [String: [Float]] = [:]
    for site in sites {
      updates[site.path] = try LowRankWeights(
        rank: site.factor.rank, inputs: site.loraA.columns, outputs: site.factor.product.rows,
        loraA: site.loraA.values.values, loraB: site.factor.product.values.values, scale: site.scale,
        site: site.path)
      gates[site.path] = site.factor.gate.values.values
    }
    return try AdapterWeights(
      sites: updates.pruned(by: gates), baseModel: start.baseModel, isRankStabilized: start.isRankStabilized)
  }
}
