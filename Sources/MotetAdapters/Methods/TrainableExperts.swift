import MotetModels
import MotetTensor

/// A mixture of experts under training: the router, A and B of every site.
@Compute
final class TrainableExperts: TrainableAdapter {
  let mix: BoundMix
  /// R, A and B of every site, in the base's order.
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let sites: [(path: String, experts: LowRankExperts)]
  private let start: AdapterWeights
  private let balance: Float

  init(_ weights: AdapterWeights, on base: BaseModel, balance: Double) throws {
    let experts = try ExpertTensors.all(of: weights, on: base, trainable: true)
    start = weights
    self.balance = Float(balance)
    mix = BoundMix(AdapterParts(experts: experts))
    sites = base.sites.enumerated().compactMap { index, site in experts[index].map { (site.path, $0) } }
    parameters = sites.flatMap { [$0.experts.router, $0.experts.loraA, $0.experts.loraB] }
    parameterCount = parameters.reduce(0) { $0 + $1.count }
  }

  /// dR += α·(the balance's gradient, as a mean over the step's tokens)
  func gatherGradients() {
    for (_, experts) in sites {
      guard let sum = experts.balanceGradient, experts.balanceTokens > 0 else { continue }
      experts.router.gradient?.add(sum, scale: balance / Float(experts.balanceTokens))
      sum.fill(0)
      experts.balanceTokens = 0
    }
  }

  func weights() throws -> AdapterWeights {
    var content = start.content ?? MethodContent(method: MixtureOfExperts.name, tensors: [:])
    for (path, experts) in sites {
      for (suffix, parameter) in [
        (ExpertTensors.router, experts.router), (ExpertTensors.loraA, experts.loraA),
        (ExpertTensors.loraB, experts.loraB),
      ] {
        guard let old = content.tensors[path + suffix] else { continue }
        content.tensors[path + suffix] = try HostTensor(
          shape: old.shape, parameter.values.values, named: path + suffix)
      }
    }
    return try AdapterWeights(sites: [:], baseModel: start.baseModel, content: content)
  }

  // MARK: What it remembers: the load so far, for the report

  /// As pairs of values that f32 holds exactly, the lower 20 bits first.
  var memory: [String: [Float]] {
    var memory: [String: [Float]] = [:]
    for (path, experts) in sites {
      memory["load." + path] = experts.load.flatMap { [Float($0 & 0xf_ffff), Float($0 >> 20)] }
    }
    return memory
  }

  func restore(_ memory: [String: [Float]]) throws {
    for (path, experts) in sites {
      guard let values = memory["load." + path], values.count == 2 * experts.count,
        values.allSatisfy({ $0 >= 0 && $0 < 1_048_576 })
      else { throw MethodError.foreignMemory("load." + path) }
      experts.load = (0..<experts.count).map { Int(values[2 * $0]) | Int(values[2 * $0 + 1]) << 20 }
    }
  }

  var findings: [MethodFinding] {
    let used = sites.filter { $0.experts.load.contains { $0 > 0 } }
    guard let count = used.first?.experts.count else { return [] }
    func share(_ part: Int, _ whole: Int) -> String { "\((1000 * part / max(1, whole) + 5) / 10)%" }
    let rows = Dictionary(grouping: used, by: { String($0.path.split(separator: ".").last ?? "") })
      .sorted { $0.key < $1.key }.map { module, sites in
        let loads = sites.map(\.experts.load)
        let sum = (0..<count).map { expert in loads.reduce(0) { $0 + $1[expert] } }
        let all = sum.reduce(0, +)
        let least = loads.map { ($0.min() ?? 0, $0.reduce(0, +)) }.min { $0.0 * $1.1 < $1.0 * $0.1 } ?? (0, 1)
        return [module] + sum.map { share($0, all) } + [share(least.0, least.1)]
      }
    return [
      MethodFinding(
        text:
          "How the tokens of training were shared among the experts: the share of each expert over the layers, and "
          + "the least that an expert of any one site had. An even share is \(share(1, count)).",
        header: ["module"] + (1...count).map { "expert \($0)" } + ["least"], rows: rows)
    ]
  }
}
