import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// ΔW = s·B·A with s = α/r (Hu et al. 2021, arXiv 2106.09685): A random, B zero, so that training starts from
/// the base itself.
///
/// Its options are the shape of every other update of low rank too.
public struct LoRA: AdapterMethod, Equatable {
  public static let name = "lora"
  public static let title = "an update of low rank, B·A·α/r"
  public static let source = "Hu et al. 2021, arXiv 2106.09685"
  public static let learningRate = 1e-3
  public static let sharedOptions = Set<SharedOption>.lowRank
  public static let options = [RankSchedule.option]

  public enum Initialization: String, Sendable, CaseIterable, Codable {
    /// A uniform in ±1/√inputs, as PEFT draws it (He et al. 2015 with a = √5).
    case kaiming
    /// A normal with σ = 1/rank, as PEFT's `gaussian` draws it.
    case gaussian
  }

  public var rank: Int
  public var alpha: Double
  public var targets: Targets
  public var layers: ClosedRange<Int>?
  public var dropout: Float
  public var initialization: Initialization
  /// Ranks of single modules, by name or pattern as in PEFT: `q_proj`, `layers.3.mlp.up_proj`, `layers\\.[0-9]\\..*`.
  public var rankPattern: [String: Int] = [:]
  /// Alphas of single modules; as in PEFT, a module of another rank has the same alpha without one.
  public var alphaPattern: [String: Double] = [:]
  /// Where ranks are taken away on the way: `rank` is then the first of it.
  public var rankSchedule: RankSchedule?

  /// Which modules are adapted.
  public enum Targets: Sendable, Equatable, CustomStringConvertible {
    case allLinear
    /// Names such as `q_proj`, or longer ends of paths such as `layers.3.self_attn.q_proj`, as in PEFT; `attention` and
    /// `mlp` mean those modules of any family.
    case modules([String])

    /// `all-linear`, or names between commas.
    public init(parsing text: String) {
      let names = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      self = names == ["all-linear"] ? .allLinear : .modules(names.filter { !$0.isEmpty })
    }

    func takes(_ site: AdapterSite) -> Bool {
      switch self {
      case .allLinear: true
      case .modules(let names): names.contains { Self.means($0, site) }
      }
    }

    static func means(_ name: String, _ site: AdapterSite) -> Bool {
      switch name {
      case "attention": [.query, .key, .value, .queryKeyValue, .attentionOutput].contains(site.kind)
      case "mlp": [.gate, .up, .gateUp, .down].contains(site.kind)
      default: site.ends(with: name)
      }
    }

    public var description: String {
      switch self {
      case .allLinear: "all-linear"
      case .modules(let names): names.joined(separator: ",")
      }
    }
  }

  /// α defaults to twice the rank.
  public init(
    rank: Int = 16, alpha: Double? = nil, targets: Targets = .allLinear, layers: ClosedRange<Int>? = nil,
    dropout: Float = 0, initialization: Initialization = .kaiming
  ) {
    self.rank = rank
    self.alpha = alpha ?? Double(2 * rank)
    self.targets = targets
    self.layers = layers
    self.dropout = dropout
    self.initialization = initialization
  }

  public init(_ settings: MethodSettings) throws { self = try settings.scheduledShape() }

  public var settings: [String: String] {
    let patterns = [
      "rank-pattern": Self.text(rankPattern), "alpha-pattern": Self.text(alphaPattern),
      RankSchedule.option.key: rankSchedule.map { "\($0)" } ?? "",
    ]
    return [
      "rank": "\(rank)", "alpha": "\(alpha)", "init": initialization.rawValue,
      "layers": layers.map { "\($0)" } ?? "all", "targets": targets.description, "dropout": "\(dropout)",
    ].merging(patterns.filter { !$0.value.isEmpty }) { $1 }
  }

  private static func text(_ pattern: [String: some CustomStringConvertible]) -> String {
    pattern.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  }

  public var summary: String { "LoRA, \(rankSummary), alpha \(String(format: "%g", alpha))" }

  var rankSummary: String { "rank \(rank)" + (rankSchedule.map { " to \($0.last)" } ?? "") }

  public func sites(of base: BaseModel) throws -> [AdapterSite] {
    guard (0..<1).contains(dropout) else { throw LoRAError.dropout(dropout) }
    let last = base.configuration.layers - 1
    if let layers, layers.lowerBound < 0 || layers.upperBound > last {
      throw LoRAError.layers(layers, last: last)
    }
    let known = Array(Set(base.sites.map(\.module))).sorted()
    if case .modules(let names) = targets {
      if names.isEmpty { throw LoRAError.unknownTarget("", known: known) }
      for name in names where !base.sites.contains(where: { Targets.means(name, $0) }) {
        throw LoRAError.unknownTarget(name, known: known)
      }
    }
    let chosen = base.sites.filter { (layers?.contains($0.layer) ?? true) && targets.takes($0) }
    guard !chosen.isEmpty else { throw LoRAError.noSites }
    for site in chosen {
      let (rank, alpha) = (try rank(at: site), try alpha(at: site))
      let limit = min(site.inputs, site.outputs)
      guard (1...limit).contains(rank) else { throw LoRAError.rank(rank, site: site.path, limit: limit) }
      guard alpha.isFinite, alpha > 0 else { throw LoRAError.alpha(alpha) }
    }
    for key in Set(rankPattern.keys).union(alphaPattern.keys).sorted() {
      let single = [key: 0]
      guard try chosen.contains(where: { try PEFTConfiguration.only(in: single, for: $0.path) != nil }) else {
        throw LoRAError.unknownPattern(key, known: known)
      }
    }
    return chosen
  }

  /// - Throws: `FormatError` for patterns that contradict each other
  public func rank(at site: AdapterSite) throws -> Int {
    try PEFTConfiguration.only(in: rankPattern, for: site.path) ?? rank
  }

  public func alpha(at site: AdapterSite) throws -> Double {
    try PEFTConfiguration.only(in: alphaPattern, for: site.path) ?? alpha
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    trainable(try initialWeights(for: base, seed: seed), on: base, method: Self.name)
  }

  /// Weights under training, of this method or another one with these options.
  @Compute
  func trainable(
    _ weights: AdapterWeights, on base: BaseModel, rateOfB: Double = 1, method: String
  ) -> any TrainableAdapter {
    guard let rankSchedule else {
      return TrainableLoRA(weights, on: base, dropout: dropout, rateOfB: rateOfB)
    }
    return TrainableShrinkingLoRA(
      weights, on: base, dropout: dropout, rateOfB: rateOfB, schedule: rankSchedule, method: method)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    trainable(weights, on: base, method: Self.name)
  }

  /// Fresh weights for `base`; a site's numbers depend on the seed and its name alone.
  /// - Parameter isRankStabilized: makes the scale α/√r
  public func initialWeights(
    for base: BaseModel, seed: UInt64, isRankStabilized: Bool = false
  ) throws -> AdapterWeights {
    var updates: [String: LowRankWeights] = [:]
    for site in try sites(of: base) {
      var generator = SeededGenerator(seed: seed, for: site.path)
      let (rank, alpha) = (try rank(at: site), try alpha(at: site))
      let scale = alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank))
      let bound = 1 / Double(site.inputs).squareRoot()
      let loraA = (0..<rank * site.inputs).map { _ -> Float in
        switch initialization {
        case .kaiming: Float((2 * generator.uniform() - 1) * bound)
        case .gaussian: Float(generator.normal() / Double(rank))
        }
      }
      updates[site.path] = try LowRankWeights(
        rank: rank, inputs: site.inputs, outputs: site.outputs, loraA: loraA,
        loraB: [Float](repeating: 0, count: site.outputs * rank), scale: Float(scale))
    }
    return try AdapterWeights(
      sites: updates, baseModel: base.name, isRankStabilized: isRankStabilized)
  }
}

extension AdapterSite {
  /// Whether a name means it: `q_proj`, `self_attn.q_proj`, or all of its path.
  func ends(with name: String) -> Bool { path == name || path.hasSuffix(".\(name)") }
}

public enum LoRAError: Error, Equatable, CustomStringConvertible {
  case alpha(Double)
  case dropout(Float)
  case rank(Int, site: String, limit: Int)
  case noSites
  case unknownPattern(String, known: [String])
  case layers(ClosedRange<Int>, last: Int)
  case unknownTarget(String, known: [String])

  public var description: String {
    switch self {
    case .alpha(let alpha): "alpha \(alpha) is not a positive number"
    case .dropout(let rate): "a dropout of \(rate) is not within 0 to below 1"
    case .noSites: "nothing is adapted: choose other targets or layers"
    case .unknownPattern(let pattern, let known):
      "the pattern \"\(pattern)\" matches no adapted module: name one such as layers.3.mlp.up_proj, or among "
        + known.joined(separator: ", ")
    case .rank(let rank, let site, let limit):
      "rank \(rank) does not fit \(site): choose 1 to \(limit)"
    case .layers(let range, let last):
      "layers \(range.lowerBound)-\(range.upperBound) are not all in the model: it has 0-\(last)"
    case .unknownTarget(let name, let known):
      "no module \"\(name)\" to adapt: choose all-linear or among \(known.joined(separator: ", "))"
    }
  }
}
