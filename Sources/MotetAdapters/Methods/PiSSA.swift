import MotetModels
import MotetTensor

/// A and B begin as the principal part of W and are trained in its place (Meng et al. 2024, arXiv 2404.02948,
/// equations 2 to 4): with W = U·S·Vᵀ and s = α/r,
///
///     A₀ = √(S_r/s)·V_rᵀ,  B₀ = U_r·√(S_r/s),  y = (W − s·B₀·A₀)·x + s·B·A·x
///
/// W itself is never changed here. What is added to it, s·(B·A − B₀·A₀), is a LoRA of rank 2r, and is saved as one: the
/// form PEFT gives with `path_initial_model_for_weight_conversion`.
public struct PiSSA: LowRankMethod, Equatable {
  public static let name = "pissa"
  public static let title =
    "A and B begin as the principal directions of W; saved as a LoRA of twice the rank"
  public static let source = "Meng et al. 2024, arXiv 2404.02948"
  public static let learningRate = 2e-4
  public static let sharedOptions: Set<SharedOption> = [
    .rank, .alpha, .rankPattern, .alphaPattern, .targets, .layers,
  ]
  public static let standards: [SharedOption: String] = [.alpha: "the rank"]
  public static let options = [
    MethodOption("svd-iterations", "N", "Power iterations towards the principal directions (8).")
  ]

  public var shape: LoRA
  public var iterations: Int

  public init(_ shape: LoRA, iterations: Int = 8) {
    self.shape = shape
    self.iterations = iterations
  }

  public init(_ settings: MethodSettings) throws {
    shape = settings.shape
    if !settings.given.contains(.alpha) { shape.alpha = Double(shape.rank) }
    iterations = try settings.integer("svd-iterations", or: 8, within: 0...100)
  }

  public var settings: [String: String] {
    shape.settings.filter { $0.key != "init" }.merging(["svd-iterations": "\(iterations)"]) { $1 }
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    var starts: [String: LowRankWeights] = [:]
    try base.forEachWeight(of: sites(of: base)) { site, weight in
      starts[site.path] = try start(at: site, weight, seed: seed)
    }
    return TrainablePiSSA(starts, on: base)
  }

  /// A₀ and B₀.
  @Compute
  private func start(at site: AdapterSite, _ weight: [Float], seed: UInt64) throws -> LowRankWeights {
    let rank = try shape.rank(at: site)
    let scale = try shape.alpha(at: site) / Double(rank)
    let directions = PrincipalDirections(
      of: Tensor(rows: site.outputs, columns: site.inputs, weight), rank: rank, iterations: iterations,
      seed: seed)
    let roots = directions.values.map { Float(($0 / scale).squareRoot()) }
    var (loraA, loraB) = (directions.right, directions.left)
    for index in loraA.indices { loraA[index] *= roots[index / site.inputs] }
    for index in loraB.indices { loraB[index] *= roots[index % rank] }
    return try LowRankWeights(
      rank: rank, inputs: site.inputs, outputs: site.outputs, loraA: loraA, loraB: loraB,
      scale: Float(scale), site: site.path)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    throw MethodError.notContinued(
      method: Self.name,
      reason:
        "it begins from the base's own directions; leave --method out to go on with the adapter as a LoRA")
  }
}
