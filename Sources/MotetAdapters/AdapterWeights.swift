import Foundation

/// The whole of an adapter, on the host: one `LowRankWeights` for each adapted site, and what its method holds beside
/// them, or in their place.
///
/// It is what merging, fusing, comparing and storing work on; nothing here needs the base model.
public struct AdapterWeights: Sendable, Equatable {
  /// By the site's name in the model, such as `layers.3.self_attn.q_proj`.
  public let sites: [String: LowRankWeights]
  /// The base model's name as `adapter_config.json` gives it, when it does.
  public var baseModel: String?
  /// Whether `lora_alpha` is written for the rule α/√r (rsLoRA) instead of α/r. The scales of the
  /// sites already contain the rule; this only keeps the file in the form it came in.
  public var isRankStabilized: Bool
  /// nil for an adapter that is its low-rank factors and nothing else.
  public var content: MethodContent?

  /// - Throws: `AdapterWeightsError.noSites` when there is nothing; the values were checked when each
  ///   `LowRankWeights` was made.
  public init(
    sites: [String: LowRankWeights], baseModel: String? = nil, isRankStabilized: Bool = false,
    content: MethodContent? = nil
  ) throws {
    guard !sites.isEmpty || content?.tensors.isEmpty == false else { throw AdapterWeightsError.noSites }
    self.content = content
    self.sites = sites
    self.baseModel = baseModel
    self.isRankStabilized = isRankStabilized
  }

  /// The path of the head among the sites: not a site of a base, since nothing trains it.
  static let head = "lm_head"

  /// Whether all of it can be trained further: not an update of the head.
  public var trainsWhole: Bool { sites[Self.head] == nil }

  public var siteNames: [String] { sites.keys.sorted() }

  /// The number of trained values.
  public var parameterCount: Int {
    content?.parameterCount ?? sites.values.reduce(0) { $0 + $1.parameterCount }
  }

  /// The size of the values in f32.
  public var bytes: Int { parameterCount * MemoryLayout<Float>.size }

  /// Its method, as far as the weights themselves show it.
  public var method: any AdapterMethod.Type {
    content.flatMap { try? AdapterMethods.named($0.method) } ?? LoRA.self
  }

  /// In a few words, for reports: `LoRA, rank 16, alpha 32`.
  public var summary: String {
    let kind = content.map(\.method) ?? "LoRA"
    if virtualTokens > 0 { return "\(kind), \(virtualTokens) virtual tokens" }
    guard !sites.isEmpty else { return kind }
    if let rankSummary { return "\(kind), \(rankSummary)" }
    return "\(kind), rank \(rank), alpha \(String(format: "%g", alpha))"
  }

  /// Why it cannot do something; nil when it can.
  public func refusal(of ability: Ability) -> String? { method.refusals[ability] }

  /// The rank most sites have; of equally frequent ones the largest. Written as `r`.
  public var rank: Int { Self.mostFrequent(sites.values.map { Double($0.rank) }).map(Int.init) ?? 0 }

  /// The α most sites of that rank have; of equally frequent ones the largest. Written as `lora_alpha`.
  public var alpha: Double {
    let rank = rank
    return Self.mostFrequent(sites.values.lazy.filter { $0.rank == rank }.map(alpha(of:))) ?? 0
  }

  /// The sites whose rank is not `rank`: PEFT's `rank_pattern`.
  public var rankPattern: [String: Int] {
    let rank = rank
    return sites.compactMapValues { $0.rank == rank ? nil : $0.rank }
  }

  /// The sites whose α is not `alpha`: PEFT's `alpha_pattern`.
  public var alphaPattern: [String: Double] {
    let alpha = alpha
    return sites.compactMapValues { site in
      let own = self.alpha(of: site)
      return own == alpha ? nil : own
    }
  }

  /// α of one site, from scale = α/r or α/√r. Rounded to a whole number when it is one but for the
  /// rounding of the f32 scale, because some readers of PEFT folders take integers only.
  private func alpha(of site: LowRankWeights) -> Double {
    let rank = Double(site.rank)
    let exact = Double(site.scale) * (isRankStabilized ? rank.squareRoot() : rank)
    return abs(exact - exact.rounded()) <= 1e-6 * abs(exact) ? exact.rounded() : exact
  }

  static func mostFrequent(_ values: some Sequence<Double>) -> Double? {
    let counts = Dictionary(values.map { ($0, 1) }, uniquingKeysWith: +)
    return counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
  }
}
