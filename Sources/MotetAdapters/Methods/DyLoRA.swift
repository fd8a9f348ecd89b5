import MotetModels
import MotetTensor

/// LoRA whose first b ranks are an adapter by themselves, for each b (Valipour et al. 2022, arXiv 2210.07558,
/// algorithm 1): a step draws b uniformly from 1…r and takes
///
///     y = W·x + (α/b)·B[:, :b]·A[:b]·x
///
/// It trains those ranks, or with `--trains newest` the b-th alone. Saved is the whole of rank r, a plain LoRA;
/// ``AdapterWeights/truncated(to:)`` cuts a smaller one out.
public struct DyLoRA: LowRankMethod, Equatable {
  public static let name = "dylora"
  public static let title =
    "LoRA trained at ranks drawn anew each step, so that any smaller rank can be cut out"
  public static let source = "Valipour et al. 2022, arXiv 2210.07558"
  public static let learningRate = 1e-3
  public static let options = [
    MethodOption(
      "trains", "all|newest", "Of the ranks a step takes, train all, or the last of them alone (all).")
  ]

  public var shape: LoRA
  /// Whether a step trains the last of its ranks alone: the paper's FROZEN.
  public var trainsNewestOnly: Bool

  public init(_ shape: LoRA = LoRA(), trainsNewestOnly: Bool = false) {
    self.shape = shape
    self.trainsNewestOnly = trainsNewestOnly
  }

  public init(_ settings: MethodSettings) throws {
    let trains = try settings.choice("trains", or: "all", among: ["all", "newest"])
    self.init(settings.shape, trainsNewestOnly: trains == "newest")
  }

  public var ownSettings: [String: String] { ["trains": trainsNewestOnly ? "newest" : "all"] }

  /// b of a step, the same whenever it is asked.
  static func drawnRank(of step: Int, upTo largest: Int, seed: UInt64) -> Int {
    var generator = SeededGenerator(seed: seed, for: "rank of step \(step)")
    return 1 + Int(generator.next() % UInt64(largest))
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    TrainableDyLoRA(try shape.initialWeights(for: base, seed: seed), on: base, method: self, seed: seed)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    TrainableDyLoRA(weights, on: base, method: self, seed: 0)
  }
}

/// A and B, and of B what this step takes, times r/b.
@Compute
final class TrainableDyLoRA: TrainableAdapter {
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
  private let trainsNewestOnly: Bool
  private let seed: UInt64
  /// b of the step under way; nil for all ranks.
  private(set) var width: Int?

  init(_ weights: AdapterWeights, on base: BaseModel, method: DyLoRA, seed: UInt64) {
    var sites: [Site] = []
    let terms = base.sites.map { place -> [BoundMix.Term] in
      guard let update = weights.sites[place.path] else { return [] }
      let site = Site(
        path: place.path, scale: update.scale,
        loraA: Parameter(rows: update.rank, columns: update.inputs, update.loraA, trainable: true),
        factor: GatedFactor(
          update.loraB, outputs: update.outputs, gate: [Float](repeating: 1, count: update.rank),
          trainsGate: false))
      sites.append(site)
      return [
        BoundMix.Term(
          loraA: site.loraA, loraB: site.factor.product, scale: site.scale, dropout: method.dropout)
      ]
    }
    self.sites = sites
    self.seed = seed
    start = weights
    trainsNewestOnly = method.trainsNewestOnly
    mix = BoundMix(terms: terms)
    parameters = sites.flatMap { [$0.loraA, $0.factor.loraB] }
    parameterCount = parameters.reduce(0) { $0 + $1.count }
  }

  func beginStep(_ step: Int, of steps: Int) {
    let largest = sites.map(\.factor.rank).max() ?? 1
    take(width: DyLoRA.drawnRank(of: step, upTo: largest, seed: seed))
  }

  func gatherGradients() {
    for site in sites {
      site.factor.gatherGradients()
      guard trainsNewestOnly, let width else { continue }
      let newest = min(width, site.factor.rank) - 1
      let (a, b) = (site.loraA.gradient, site.factor.loraB.gradient)
      for rank in 0..<site.factor.rank where rank != newest {
        if let a { a.row(rank).update(repeating: 0, count: a.columns) }
        if let b { for row in 0..<b.rows { b.row(row)[rank] = 0 } }
      }
    }
  }

  /// All ranks again: what is measured and saved.
  func derive() { take(width: nil) }

  private func take(width: Int?) {
    self.width = width
    for site in sites {
      let rank = site.factor.rank
      let taken = min(width ?? rank, rank)
      for index in 0..<rank {
        site.factor.gate.values.data[index] = index < taken ? siteFactor(site, taken) : 0
      }
      site.factor.derive()
    }
  }

  /// α/b in place of the α/r (or, rank-stabilized, α/√b) that the scale holds.
  private func siteFactor(_ site: Site, _ taken: Int) -> Float {
    let ratio = Float(site.factor.rank) / Float(taken)
    return start.isRankStabilized ? ratio.squareRoot() : ratio
  }

  func weights() throws -> AdapterWeights {
    var updates: [String: LowRankWeights] = [:]
    for site in sites {
      updates[site.path] = try LowRankWeights(
        rank: site.factor.rank, inputs: site.loraA.columns, outputs: site.factor.product.rows,
        loraA: site.loraA.values.values, loraB: site.factor.loraB.values.values, scale: site.scale,
        site: site.path)
    }
    return try AdapterWeights(
      sites: updates, baseModel: start.baseModel, isRankStabilized: start.isRankStabilized)
  }
}
