import MotetModels
import MotetTensor

/// One site's values among the tensors of a mixture: `SITE.router` `[N, inputs]`, `SITE.lora_A` `[N, rank, inputs]` and
/// `SITE.lora_B` `[N, outputs, rank]`.
struct ExpertTensors {
  let router: [Float]
  let loraA: [Float]
  let loraB: [Float]

  static let router = ".router"
  static let loraA = ".lora_A"
  static let loraB = ".lora_B"

  func store(in tensors: inout [String: HostTensor], at site: AdapterSite, count: Int, rank: Int) throws {
    let path = site.path
    tensors[path + Self.router] = try HostTensor(shape: [count, site.inputs], router, named: path)
    tensors[path + Self.loraA] = try HostTensor(shape: [count, rank, site.inputs], loraA, named: path)
    tensors[path + Self.loraB] = try HostTensor(shape: [count, site.outputs, rank], loraB, named: path)
  }

  struct Shape {
    let count, rank, inputs, outputs: Int
  }

  /// Of each site whose three tensors are there and fit each other, by path.
  static func shapes(of weights: AdapterWeights) -> [String: Shape] {
    let tensors = weights.content?.tensors ?? [:]
    var result: [String: Shape] = [:]
    for (name, tensor) in tensors where name.hasSuffix(router) && tensor.shape.count == 2 {
      let path = String(name.dropLast(router.count))
      guard let a = tensors[path + loraA]?.shape, let b = tensors[path + loraB]?.shape, a.count == 3,
        b.count == 3,
        a[0] == tensor.shape[0], b[0] == a[0], b[2] == a[1], a[2] == tensor.shape[1]
      else { continue }
      result[path] = Shape(count: a[0], rank: a[1], inputs: a[2], outputs: b[1])
    }
    return result
  }

  /// By place in the base's sites.
  @Compute
  static func all(
    of weights: AdapterWeights, on base: BaseModel, trainable: Bool
  ) throws -> [Int: LowRankExperts] {
    guard let content = weights.content, let top = content.settings["top-k"].flatMap({ Int($0) }),
      let scale = content.settings["scale"].flatMap({ Float($0) })
    else { throw AdapterWeightsError.noSites }
    let shapes = shapes(of: weights)
    var result: [Int: LowRankExperts] = [:]
    for (index, site) in base.sites.enumerated() {
      guard let shape = shapes[site.path], (1...shape.count).contains(top),
        let r = content.tensors[site.path + router], let a = content.tensors[site.path + loraA],
        let b = content.tensors[site.path + loraB]
      else { continue }
      result[index] = LowRankExperts(
        count: shape.count, top: top, scale: scale,
        router: Parameter(rows: shape.count, columns: shape.inputs, r.values, trainable: trainable),
        loraA: Parameter(
          rows: shape.count * shape.rank, columns: shape.inputs, a.values, trainable: trainable),
        loraB: Parameter(
          rows: shape.count * shape.outputs, columns: shape.rank, b.values, trainable: trainable))
    }
    return result
  }
}
