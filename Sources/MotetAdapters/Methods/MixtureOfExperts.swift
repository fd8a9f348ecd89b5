import Foundation
import MotetModels
import MotetTensor

/// A sparse mixture of experts of low rank: N pairs A, B in each site, of which a router runs K for each token
/// (Zadouri et al. 2023, arXiv 2309.05444), with the load-balancing loss of Switch (Fedus et al. 2022,
/// arXiv 2101.03961, equations 4 to 6):
///
///     y = W·x + s·Σ_{e among the K of x} g_e·B_e·A_e·x,   l = R·x, g = softmax of l over its K largest
///     loss + α·N·Σ_e f_e·P_e for each router: f_e the share of the choices that fell on e, P_e the mean of softmax(l)_e
///
/// A router for each site, not for each layer: it reads the input that the site's matrix takes anyway, so that nothing is
/// carried from one site to another, and what a token needs of its queries need not be what it needs of its gates.
/// The balance moves the routers alone; its way back ends at a site's input.
public struct MixtureOfExperts: AdapterMethod, Equatable {
  public static let name = "moe"
  public static let title = "a sparse mixture of LoRA experts with a router in each site"
  public static let source = "Zadouri et al. 2023, arXiv 2309.05444; Fedus et al. 2022, arXiv 2101.03961"
  public static let learningRate = 2e-3
  public static let sharedOptions: Set<SharedOption> = [.rank, .alpha, .targets, .layers, .initialization]
  public static let standards: [SharedOption: String] = [.rank: "8"]
  public static let options = [
    MethodOption("experts", "N", "The adapters in a site (4).", isFixedByContinue: true),
    MethodOption("top-k", "K", "How many of them a token goes through (2).", isFixedByContinue: true),
    MethodOption("balance", "α", "What the load-balancing loss counts (0.01)."),
  ]
  private static let reason = "which experts run is decided for each token: carry it alone, with the weight 1"
  public static let refusals: [Ability: String] = [.blend: reason, .merge: reason, .fuse: reason]

  /// Rank, scale and sites of each expert.
  public var expert: LoRA
  public var count: Int
  public var top: Int
  public var balance: Double

  /// - Parameter expert: nil for rank 8 on all linear sites
  public init(_ expert: LoRA = LoRA(rank: 8), experts: Int = 4, top: Int = 2, balance: Double = 0.01) {
    self.expert = expert
    count = experts
    self.top = top
    self.balance = balance
  }

  /// - Throws: ``MethodError/option(_:value:expected:)``
  public init(_ settings: MethodSettings) throws {
    expert = settings.shape
    if !settings.given.contains(.rank) {
      expert.rank = 8
      if !settings.given.contains(.alpha) { expert.alpha = 16 }
    }
    count = try settings.integer("experts", or: 4, within: 2...256)
    top = try settings.integer("top-k", or: min(2, count), within: 1...count)
    balance = try settings.number("balance", or: 0.01, within: 0...100)
  }

  public var settings: [String: String] {
    var settings = expert.settings
    settings["dropout"] = nil
    settings["experts"] = "\(count)"
    settings["top-k"] = "\(top)"
    settings["balance"] = "\(balance)"
    return settings
  }

  public var summary: String { "\(count) experts of rank \(expert.rank), \(top) a token" }

  public func sites(of base: BaseModel) throws -> [AdapterSite] { try expert.sites(of: base) }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    var tensors: [String: HostTensor] = [:]
    for site in try sites(of: base) {
      var generator = SeededGenerator(seed: seed, for: site.path)
      let bound = 1 / Double(site.inputs).squareRoot()
      func uniform(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float((2 * generator.uniform() - 1) * bound) }
      }
      func draw(_ count: Int) -> [Float] {
        expert.initialization == .kaiming
          ? uniform(count) : (0..<count).map { _ in Float(generator.normal() / Double(expert.rank)) }
      }
      try ExpertTensors(
        router: uniform(count * site.inputs), loraA: draw(count * expert.rank * site.inputs),
        loraB: [Float](repeating: 0, count: count * site.outputs * expert.rank)
      ).store(in: &tensors, at: site, count: count, rank: expert.rank)
    }
    let weights = try AdapterWeights(
      sites: [:], baseModel: base.name,
      content: MethodContent(
        method: Self.name,
        settings: ["top-k": "\(top)", "scale": "\(Float(expert.alpha / Double(expert.rank)))"],
        tensors: tensors))
    return try TrainableExperts(weights, on: base, balance: balance)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    guard weights.content?.method == Self.name else {
      throw MethodError.otherMethod(
        adapter: "the adapter to continue", own: weights.method.name, asked: Self.name)
    }
    return try TrainableExperts(weights, on: base, balance: balance)
  }

  @Compute
  public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    AdapterParts(experts: try ExpertTensors.all(of: weights, on: base, trainable: false))
  }

  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? {
    let sites = Dictionary(uniqueKeysWithValues: base.sites.map { ($0.path, $0) })
    for (path, tensors) in ExpertTensors.shapes(of: weights) {
      guard let site = sites[path] else { return "it has experts at \(path), which the base does not have" }
      guard tensors.inputs == site.inputs, tensors.outputs == site.outputs else {
        return "\(path) is [\(site.outputs), \(site.inputs)] in the base and "
          + "[\(tensors.outputs), \(tensors.inputs)] in the adapter"
      }
    }
    return nil
  }
}
