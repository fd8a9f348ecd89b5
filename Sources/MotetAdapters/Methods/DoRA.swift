import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// W' = m ⊙ (W + s·B·A) / ‖W + s·B·A‖, the norm taken of each row (of each output), m trained beside A and B
/// (Liu et al. 2024, arXiv 2402.09353, equation 5; rows of a matrix `[outputs, inputs]` are the paper's columns).
///
/// With n_j = ‖W_j + s·(B·A)_j‖, held constant on the way back (§4.3), and c = m/n, a site gives
/// y = c ⊙ (W·x) + s·(c ⊙ B)·A·x: scaled outputs of the frozen product and a term of low rank. m begins at n, so that
/// c is 1 and training starts from the base itself.
///
/// The dropout is that of the low-rank term alone; PEFT drops the input of the frozen product's change too.
public struct DoRA: AdapterMethod, Equatable {
  public static let name = "dora"
  public static let title = "magnitude and direction apart, the direction by an update of low rank"
  public static let source = "Liu et al. 2024, arXiv 2402.09353"
  public static let learningRate = 1e-3
  public static let sharedOptions = Set<SharedOption>.lowRank
  public static let refusals: [Ability: String] = [
    .merge: "what it changes of the base is not of low rank: fuse it, or blend it with others"
  ]

  /// Rank, scale and sites of the direction's update.
  public var direction: LoRA

  public init(_ direction: LoRA = LoRA()) { self.direction = direction }

  public init(_ settings: MethodSettings) { direction = settings.shape }

  public var settings: [String: String] { direction.settings }
  public var summary: String { "DoRA" + direction.summary.dropFirst("LoRA".count) }
  public var dropout: Float { direction.dropout }

  public func sites(of base: BaseModel) throws -> [AdapterSite] { try direction.sites(of: base) }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    try TrainableDoRA(direction.initialWeights(for: base, seed: seed), on: base, dropout: dropout)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    try TrainableDoRA(weights, on: base, dropout: dropout)
  }

  @Compute
  public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    let sites = try DoRASite.all(of: weights, on: base, trainable: false)
    try DoRASite.derive(sites, on: base)
    var parts = AdapterParts(terms: Array(repeating: [], count: base.sites.count))
    for site in sites {
      parts.terms[site.index] = [site.term(dropout: 0)]
      parts.scalings[site.index] = site.scaling
    }
    return parts
  }

  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? {
    if weights.sites[AdapterWeights.head] != nil {
      return "it has DoRA on lm_head, which is not supported: LoRA on lm_head is"
    }
    for (path, update) in weights.sites {
      let count = weights.content?.tensors[path]?.values.count
      if count != update.outputs { return "\(path) has \(count ?? 0) magnitudes, not \(update.outputs)" }
    }
    return nil
  }

  /// m ⊙ (W + s·B·A)/‖W + s·B·A‖ − W, times the weight.
  public static func fuse(
    _ weights: AdapterWeights, weight: Float, at site: AdapterSite, base: [Float], into sum: inout [Float]
  ) throws {
    guard let update = weights.sites[site.path], let m = weights.content?.tensors[site.path]?.values else {
      return
    }
    guard update.outputs == site.outputs, update.inputs == site.inputs, m.count == site.outputs else {
      throw FuseError.wrongShape(
        site: site.path, base: [site.outputs, site.inputs], update: [update.outputs, update.inputs])
    }
    var direction = base
    update.add(to: &direction, weight: 1)
    for row in 0..<site.outputs {
      let range = row * site.inputs..<(row + 1) * site.inputs
      let square = direction[range].reduce(0.0) { $0 + Double($1) * Double($1) }
      let factor = square > 0 ? Double(m[row]) / square.squareRoot() : 0
      for index in range {
        let change = factor * Double(direction[index]) - Double(base[index])
        sum[index] = Float(Double(sum[index]) + Double(weight) * change)
      }
    }
  }
}

/// PEFT's `LORA` with `use_dora`.
extension DoRA: StoredMethod {
  package static func reads(_ members: [String: JSONValue]) -> Bool {
    members["peft_type"] == .string("LORA") && members["use_dora"] == .bool(true)
  }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    let (configuration, sites) = try PEFTAdapterFile.read(folder.place.deletingLastPathComponent())
    let low = try AdapterWeights(configuration: configuration, sites: sites)
    return try low.adding(
      Dictionary(sites.map { ($0.path, $0.magnitudes ?? []) }, uniquingKeysWith: { first, _ in first }))
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    var configuration = weights.configuration
    configuration.useDoRA = true
    let sites = weights.peftSites.map { site in
      PEFTAdapterFile.Site(
        path: site.path, rank: site.rank, in: site.in, out: site.out, loraA: site.loraA, loraB: site.loraB,
        magnitudes: weights.content?.tensors[site.path]?.values)
    }
    try PEFTAdapterFile.write(configuration, sites, to: folder)
  }
}

extension AdapterWeights {
  /// DoRA's weights from those of its direction.
  /// - Parameter magnitudes: m of each site, `[outputs]`
  func adding(_ magnitudes: [String: [Float]]) throws -> AdapterWeights {
    let tensors = try magnitudes.reduce(into: [String: HostTensor]()) { all, entry in
      all[entry.key] = try HostTensor(
        shape: [entry.value.count], entry.value, named: "\(entry.key) magnitudes")
    }
    let own = tensors.values.reduce(0) { $0 + $1.values.count }
    return try AdapterWeights(
      sites: sites, baseModel: baseModel, isRankStabilized: isRankStabilized,
      content: MethodContent(
        method: DoRA.name, tensors: tensors,
        trained: own + sites.values.reduce(0) { $0 + $1.parameterCount }))
  }
}
