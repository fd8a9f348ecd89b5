import Foundation
import MotetModels
import MotetTensor

/// Learned factors of keys, values and the inner activation of the feed-forward block:
/// k = l_k ⊙ (W_k·x), v = l_v ⊙ (W_v·x), y = W_down·(l_ff ⊙ h)            (Liu et al. 2022, arXiv 2205.05638, §3.3)
///
/// Other sites can be chosen: their outputs are scaled, or with `--feedforward` their inputs. The factors begin at 1, so
/// that training starts from the base itself.
public struct IA3: AdapterMethod, Equatable {
  public static let name = "ia3"
  public static let title = "learned scaling of keys, values and the feed-forward's inner activation"
  public static let source = "Liu et al. 2022, arXiv 2205.05638"
  public static let learningRate = 1e-2
  public static let sharedOptions: Set<SharedOption> = [.targets, .layers]
  public static let standards: [SharedOption: String] = [.targets: standardTargets.joined(separator: ",")]
  public static let options = [
    MethodOption(
      "feedforward", "NAMES", "The targets whose inputs are scaled, in place of their outputs (down_proj).",
      isFixedByContinue: true)
  ]
  public static let refusals: [Ability: String] = [
    .merge: "what it changes of the base is not of low rank: fuse it, or blend it with others"
  ]

  public var targets: LoRA.Targets
  /// Modules of `targets` whose inputs are scaled.
  public var feedForward: [String]
  public var layers: ClosedRange<Int>?

  public static let standardTargets = ["k_proj", "v_proj", "down_proj"]

  public init(
    targets: LoRA.Targets = .modules(standardTargets), feedForward: [String] = ["down_proj"],
    layers: ClosedRange<Int>? = nil
  ) {
    self.targets = targets
    self.feedForward = feedForward
    self.layers = layers
  }

  /// - Throws: ``MethodError/option(_:value:expected:)`` for an input to scale that is no target
  public init(_ settings: MethodSettings) throws {
    targets = settings.given.contains(.targets) ? settings.shape.targets : .modules(Self.standardTargets)
    layers = settings.shape.layers
    if let text = settings.own["feedforward"] {
      feedForward =
        text == "none" ? [] : text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    } else {
      feedForward = ["down_proj"]
    }
    guard case .modules(let names) = targets else { return }
    func isTarget(_ module: String) -> Bool { names.contains { $0 == module || $0.hasSuffix(".\(module)") } }
    if settings.own["feedforward"] == nil { feedForward = feedForward.filter(isTarget) }
    if let stranger = feedForward.first(where: { !isTarget($0) }) {
      throw MethodError.option(
        "feedforward", value: stranger,
        expected: "none, or some of the targets \(names.joined(separator: ","))")
    }
  }

  public var settings: [String: String] {
    [
      "targets": targets.description, "layers": layers.map { "\($0)" } ?? "all",
      "feedforward": feedForward.joined(separator: ","),
    ]
  }

  public var summary: String { "IA3 of \(targets)" }

  /// With the targets of the base's family, where it calls none of its modules as most families do: what gives keys and
  /// values, and the last layer of the feed-forward block.
  private func resolved(on base: BaseModel) -> IA3 {
    guard targets == .modules(Self.standardTargets), !base.sites.contains(where: { $0.ends(with: "k_proj") })
    else { return self }
    func names(_ kinds: Set<LinearBlock.Kind>) -> [String] {
      let ends = base.sites.filter { kinds.contains($0.kind) }.map { site in
        site.path.split(separator: ".").suffix(2).joined(separator: ".")
      }
      return Array(Set(ends)).sorted()
    }
    var own = self
    own.targets = .modules(names([.key, .value, .queryKeyValue, .down]))
    own.feedForward = feedForward.isEmpty ? [] : names([.down])
    return own
  }

  private func scalesInputs(_ site: AdapterSite) -> Bool { feedForward.contains { site.ends(with: $0) } }

  public func sites(of base: BaseModel) throws -> [AdapterSite] {
    let own = resolved(on: base)
    guard own.targets == targets else { return try own.sites(of: base) }
    let known = Array(Set(base.sites.map(\.module))).sorted()
    for name in feedForward where !base.sites.contains(where: { $0.ends(with: name) }) {
      throw LoRAError.unknownTarget(name, known: known)
    }
    // A rank of 1 fits every matrix; what remains is the choice of layers and modules.
    let sites = try LoRA(rank: 1, targets: targets, layers: layers).sites(of: base)
    for site in sites where scalesInputs(site) && site.sharesInput {
      throw MethodError.option(
        "feedforward", value: site.module,
        expected:
          "modules whose input is theirs alone (o_proj, down_proj); that of \(site.module) goes to others too"
      )
    }
    return sites
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    let own = resolved(on: base)
    let tensors = try own.sites(of: base).reduce(into: [String: HostTensor]()) { all, site in
      let shape = own.scalesInputs(site) ? [1, site.inputs] : [site.outputs, 1]
      let ones = [Float](repeating: 1, count: shape[0] * shape[1])
      all[site.path] = try HostTensor(shape: shape, ones, named: site.path)
    }
    let weights = try AdapterWeights(
      sites: [:], baseModel: base.name, content: MethodContent(method: Self.name, tensors: tensors))
    return TrainableIA3(weights, on: base)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    guard weights.content?.method == Self.name else {
      throw MethodError.otherMethod(
        adapter: "the adapter to continue", own: weights.method.name, asked: Self.name)
    }
    return TrainableIA3(weights, on: base)
  }

  @Compute
  public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    AdapterParts(scalings: SiteScaling.all(of: weights, on: base, trainable: false))
  }

  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? {
    let sites = Dictionary(uniqueKeysWithValues: base.sites.map { ($0.path, $0) })
    for (path, tensor) in (weights.content?.tensors ?? [:]).sorted(by: { $0.key < $1.key }) {
      guard let site = sites[path] else { return "it scales \(path), which the base does not have" }
      let count = tensor.scalesInputs ? site.inputs : site.outputs
      let side = tensor.scalesInputs ? "inputs" : "outputs"
      if tensor.values.count != count {
        return "\(path) has \(count) \(side) in the base and \(tensor.values.count) in the adapter"
      }
      if tensor.scalesInputs, site.sharesInput {
        return
          "it scales the input of \(path), which other matrices take too and which is computed once for all"
      }
    }
    return nil
  }

  /// (l − 1) ⊙ W by rows or columns, times the weight.
  public static func fuse(
    _ weights: AdapterWeights, weight: Float, at site: AdapterSite, base: [Float], into sum: inout [Float]
  ) throws {
    guard let tensor = weights.content?.tensors[site.path] else { return }
    for row in 0..<site.outputs {
      for column in 0..<site.inputs {
        let index = row * site.inputs + column
        sum[index] += weight * (tensor.values[tensor.scalesInputs ? column : row] - 1) * base[index]
      }
    }
  }

  /// (l − 1) ⊙ b where outputs are scaled, times the weight.
  public static func fuseBias(
    _ weights: AdapterWeights, weight: Float, at site: AdapterSite, base: [Float], into sum: inout [Float]
  ) {
    guard let tensor = weights.content?.tensors[site.path], !tensor.scalesInputs else { return }
    for index in sum.indices { sum[index] += weight * (tensor.values[index] - 1) * base[index] }
  }
}

extension HostTensor {
  /// Factors are `[1, inputs]` or `[outputs, 1]`, as PEFT has them.
  var scalesInputs: Bool { shape.first == 1 && shape.count == 2 }
}

extension SiteScaling {
  /// By place in the base's sites.
  static func all(of weights: AdapterWeights, on base: BaseModel, trainable: Bool) -> [Int: SiteScaling] {
    var result: [Int: SiteScaling] = [:]
    for (index, site) in base.sites.enumerated() {
      guard let tensor = weights.content?.tensors[site.path] else { continue }
      let factors = Parameter(
        rows: 1, columns: tensor.values.count, tensor.values, trainable: trainable)
      result[index] =
        tensor.scalesInputs
        ? SiteScaling(.inputs, factors) : SiteScaling(.outputs, factors, biasFactors: factors)
    }
    return result
  }
}

/// IA3's factors under training.
@Compute
final class TrainableIA3: TrainableAdapter {
  let mix: BoundMix
  /// The factors of every site, in the base's order.
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let sites: [(path: String, factors: Parameter)]
  private let start: AdapterWeights

  init(_ weights: AdapterWeights, on base: BaseModel) {
    let scalings = SiteScaling.all(of: weights, on: base, trainable: true)
    start = weights
    mix = BoundMix(AdapterParts(scalings: scalings))
    sites = base.sites.enumerated().compactMap { index, site in
      scalings[index].map { (site.path, $0.factors) }
    }
    parameters = sites.map(\.factors)
    parameterCount = parameters.reduce(0) { $0 + $1.count }
  }

  func weights() throws -> AdapterWeights {
    var content = start.content ?? MethodContent(method: IA3.name, tensors: [:])
    for (path, factors) in sites {
      guard let old = content.tensors[path] else { continue }
      content.tensors[path] = try HostTensor(shape: old.shape, factors.values.values, named: path)
    }
    return try AdapterWeights(sites: [:], baseModel: start.baseModel, content: content)
  }
}
