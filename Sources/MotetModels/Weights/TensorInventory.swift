import MotetFormats

/// The tensors of a model by their names: what its files must have, and all that they may have.
///
///     let inventory = TensorInventory(source.model)
///     inventory["model.layers.0.mlp.up_proj.weight"]?.shape    // [intermediate, hidden]
///     inventory.strangers(among: file.names)                    // ["model.layers.0.self_attn.q_proj.bias"]
public struct TensorInventory: Sendable {
  /// In the order of the model.
  public let tensors: [TensorSpec]
  private let specs: [String: TensorSpec]
  private let head: String

  public init(_ model: ModelDescription) {
    tensors = model.tensors
    specs = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    head = model.headName
  }

  public subscript(name: String) -> TensorSpec? { specs[name] }

  /// The names that a model of this kind has no use for, sorted.
  ///
  /// Known and harmless: the head of a tied model, which is the embedding again; what bitsandbytes keeps beside a matrix;
  /// rotary frequencies and causal masks, which old versions of transformers saved and which follow from the
  /// configuration.
  public func strangers(among names: some Sequence<String>) -> [String] {
    names.filter { name in
      if specs[name] != nil || name == head { return false }
      if Self.derived.contains(where: name.hasSuffix) { return false }
      guard let matrix = StoredNF4.matrix(ofCompanion: name) else { return true }
      return specs[matrix] == nil && matrix != head
    }.sorted()
  }

  private static let derived = ["rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"]
}

extension ModelSource {
  /// Throws ``ModelError/strangers(names:path:)`` when the source holds tensors that the model has no use for: biases,
  /// norms of queries and keys, layers beyond the configuration's. Computing without them would give another model.
  func requireKnownTensors() throws {
    let strangers = TensorInventory(model).strangers(among: tensorNames)
    guard strangers.isEmpty else { throw ModelError.strangers(names: strangers, path: path) }
  }
}
