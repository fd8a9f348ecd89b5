import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// ΔW = diag(b)·B·diag(d)·A with A and B random, frozen and the same for all sites; a site trains the vectors b and d
/// (Kopiczko et al. 2023, arXiv 2310.11454, equation 2). b begins at zero, d at 0.1.
///
/// Its terms are A as it is and diag(b)·B·diag(d), so one A serves all sites of a width, and no input is kept for the
/// way back. The matrices are those that PEFT draws from the same key.
public struct VeRA: LowRankMethod, Equatable {
  public static let name = "vera"
  public static let title = "random A and B shared by all sites and frozen; two vectors a site are trained"
  public static let source = "Kopiczko et al. 2023, arXiv 2310.11454"
  public static let learningRate = 3e-2
  public static let sharedOptions: Set<SharedOption> = [.rank, .targets, .layers, .dropout]
  public static let standards: [SharedOption: String] = [.rank: "64"]
  public static let options = [
    MethodOption("d-initial", "D", "Where the vector d begins (0.1)."),
    MethodOption(
      "projection-key", "N", "The seed of the shared matrices, as PEFT's projection_prng_key (0)."),
    MethodOption(
      "save-projection", "true|false",
      "Keep the shared matrices in the file too; they follow from the key (true)."),
  ]
  /// What a rank may be: it is not bounded by a matrix, which only scales what is drawn.
  private static let ranks = 1...8192

  public var shape: LoRA
  public var initialD: Float
  public var key: UInt64
  public var savesProjection: Bool

  public init(
    _ shape: LoRA = LoRA(rank: 64), initialD: Float = 0.1, key: UInt64 = 0, savesProjection: Bool = true
  ) {
    self.shape = shape
    self.initialD = initialD
    self.key = key
    self.savesProjection = savesProjection
  }

  public init(_ settings: MethodSettings) throws {
    shape = settings.shape
    if !settings.given.contains(.rank) { shape.rank = 64 }
    initialD = Float(try settings.number("d-initial", or: 0.1, within: -100...100))
    key = UInt64(try settings.integer("projection-key", or: 0, within: 0...Int(UInt32.max)))
    savesProjection = try settings.choice("save-projection", or: "true", among: ["true", "false"]) == "true"
  }

  public var settings: [String: String] {
    var settings = shape.settings.filter { !["init", "alpha"].contains($0.key) }
    settings["d-initial"] = "\(initialD)"
    settings["projection-key"] = "\(key)"
    settings["save-projection"] = "\(savesProjection)"
    return settings
  }

  public var summary: String { "vera, rank \(shape.rank)" }

  public func sites(of base: BaseModel) throws -> [AdapterSite] {
    var one = shape
    one.rank = 1
    let sites = try one.sites(of: base)
    guard Self.ranks.contains(shape.rank) else {
      throw LoRAError.rank(shape.rank, site: "vera", limit: Self.ranks.upperBound)
    }
    return sites
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    let sites = try sites(of: base)
    let projections = VeRAProjections(
      rank: shape.rank, inputs: sites.map(\.inputs).max() ?? 0, outputs: sites.map(\.outputs).max() ?? 0,
      key: key)
    let vectors = sites.map { site in
      VeRAVectors(
        site: site.path, b: [Float](repeating: 0, count: site.outputs),
        d: [Float](repeating: initialD, count: shape.rank))
    }
    return TrainableVeRA(
      VeRAContent(projections: projections, vectors: vectors, key: key, savesProjection: savesProjection),
      on: base, dropout: dropout)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    guard let content = weights.content, content.method == Self.name else {
      throw MethodError.notContinued(
        method: Self.name, reason: "a LoRA has no shared matrices; leave --method out to go on with it")
    }
    return TrainableVeRA(try VeRAContent(content, on: base), on: base, dropout: dropout)
  }

  public static func fitted(_ weights: AdapterWeights, to base: BaseModel) throws -> AdapterWeights {
    guard weights.sites.isEmpty, let content = weights.content else { return weights }
    return try VeRAContent(content, on: base).weights(for: base, baseModel: weights.baseModel)
  }

  /// One A serves all sites of a width.
  @Compute public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    let weights = try fitted(weights, to: base)
    var shared: [Int: Parameter] = [:]
    return AdapterParts(
      terms: base.sites.map { site in
        guard let update = weights.sites[site.path] else { return [] }
        let loraA =
          shared[update.inputs]
          ?? Parameter(rows: update.rank, columns: update.inputs, update.loraA, trainable: false)
        shared[update.inputs] = loraA
        return [
          BoundMix.Term(
            loraA: loraA,
            loraB: Parameter(rows: update.outputs, columns: update.rank, update.loraB, trainable: false),
            scale: update.scale)
        ]
      })
  }
}
