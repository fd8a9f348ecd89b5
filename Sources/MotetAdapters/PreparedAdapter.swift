import MotetModels
import MotetTensor

/// An adapter made ready to answer with, and the adapters it stands on: what is slow about it was done where it was
/// made, which may be any thread, and what only files need is gone.
///
/// Low-rank factors are held in the layout that passes read, in the base's ``BaseModel/adapterForm``. Where that is nil,
/// as in f32, they stay as they are, so that answers are those of the adapter as it was trained.
public final class PreparedAdapter: Sendable, CustomStringConvertible {
  public let name: String
  /// `lora`
  public let method: String
  /// What most of its matrices have; nil for an adapter without ranks.
  public let rank: Int?
  /// Bytes of memory.
  public let byteCount: Int
  private let layers: [Layer]
  @Compute private var made: [AdapterParts]?

  /// It, or one that it stands on.
  struct Layer: Sendable {
    enum Content: Sendable {
      case factors(LowRankFactors)
      case weights(AdapterWeights)
    }
    let name: String
    let method: any AdapterMethod.Type
    let content: Content

    @Compute
    func parts(on base: BaseModel) throws -> AdapterParts {
      switch content {
      case .factors(let factors): AdapterParts(forward: factors)
      case .weights(let weights): try method.parts(of: weights, on: base)
      }
    }
  }

  public convenience init(_ adapter: Adapter, for base: BaseModel) {
    let layers = adapter.chain.map { one in
      Layer(
        name: one.name, method: one.weights.method, content: Self.content(of: one.weights, for: base))
    }
    self.init(layers, method: adapter.weights.method, rank: adapter.weights.rank, name: adapter.name)
  }

  /// - Parameter rank: 0 for an adapter without ranks
  init(_ layers: [Layer], method: any AdapterMethod.Type, rank: Int, name: String) {
    self.name = name
    self.method = method.name
    self.rank = rank > 0 ? rank : nil
    self.layers = layers
    byteCount = layers.reduce(Self.upkeep) { sum, layer in
      switch layer.content {
      case .factors(let factors): sum + factors.byteCount
      // The values as they were read, and those that passes read.
      case .weights(let weights): sum + 2 * weights.bytes
      }
    }
  }

  public var description: String { name }

  private static func content(of weights: AdapterWeights, for base: BaseModel) -> Layer.Content {
    guard weights.content == nil, weights.sites[AdapterWeights.head] == nil, let form = base.adapterForm
    else { return .weights(weights) }
    let updates = base.sites.map { weights.sites[$0.path] }
    return .factors(
      LowRankFactors(updates.map { $0.map { ($0.rank, $0.inputs, $0.outputs) } }, as: form) { site, values in
        guard let update = updates[site]?.readyToRound(site: base.sites[site].path) else { return 0 }
        return update.copy(to: values)
      })
  }

  @Compute
  fileprivate func members(on base: BaseModel, weight: Float) throws -> [BoundMix.Member] {
    let parts = try made ?? layers.map { try $0.parts(on: base) }
    made = parts
    return zip(layers, parts).map {
      BoundMix.Member(name: $0.name, method: $0.method, parts: $1, weight: weight)
    }
  }
}

extension BoundMix {
  /// A mix of adapters that are ready, for passes that only go forward; rows that should stand in one segment carry the
  /// same result.
  /// - Throws: ``MethodError/refused(_:adapter:method:reason:)`` for an adapter that can only be carried alone
  public convenience init(_ terms: [(adapter: PreparedAdapter, weight: Float)], to base: BaseModel) throws {
    try self.init(
      terms.flatMap { try $0.adapter.members(on: base, weight: $0.weight) }, on: base)
  }
}
