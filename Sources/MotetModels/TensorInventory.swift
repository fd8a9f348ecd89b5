import MotetFormats

/// The tensors that a model of a configuration is made of, by Hugging Face's names: what a source must have, and all that
/// it may have.
///
///     let inventory = TensorInventory(configuration)
///     inventory["model.layers.0.mlp.up_proj.weight"]      // [intermediate, hidden]
///     inventory.strangers(among: file.names)               // ["model.layers.0.self_attn.q_proj.bias"]
public struct TensorInventory: Sendable {
  /// In the order of the model: embedding, layers, final norm, head. A tied head has no entry.
  public let tensors: [(name: String, shape: [Int])]
  private let shapes: [String: [Int]]

  public init(_ c: ModelConfiguration) {
    let queries = c.heads * c.headDimension
    let keys = c.kvHeads * c.headDimension
    var tensors: [(name: String, shape: [Int])] = [(Self.embedding, [c.vocabulary, c.hiddenSize])]
    for layer in 0..<c.layers {
      let prefix = "model.layers.\(layer)."
      tensors += [
        ("input_layernorm", [c.hiddenSize]), ("self_attn.q_proj", [queries, c.hiddenSize]),
        ("self_attn.k_proj", [keys, c.hiddenSize]), ("self_attn.v_proj", [keys, c.hiddenSize]),
        ("self_attn.o_proj", [c.hiddenSize, queries]), ("post_attention_layernorm", [c.hiddenSize]),
        ("mlp.gate_proj", [c.intermediateSize, c.hiddenSize]),
        ("mlp.up_proj", [c.intermediateSize, c.hiddenSize]),
        ("mlp.down_proj", [c.hiddenSize, c.intermediateSize]),
      ].map { (prefix + $0.0 + ".weight", $0.1) }
    }
    tensors.append(("model.norm.weight", [c.hiddenSize]))
    if !c.tieWordEmbeddings { tensors.append((Self.head, [c.vocabulary, c.hiddenSize])) }
    self.tensors = tensors
    shapes = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.shape) })
  }

  static let embedding = "model.embed_tokens.weight"
  static let head = "lm_head.weight"

  public subscript(name: String) -> [Int]? { shapes[name] }

  /// The names that a model of this configuration has no use for, sorted.
  ///
  /// Known and harmless: the head of a tied model, which is the embedding again; what bitsandbytes keeps beside a matrix;
  /// rotary frequencies, which old versions of transformers saved and which follow from the configuration.
  public func strangers(among names: some Sequence<String>) -> [String] {
    names.filter { name in
      if shapes[name] != nil || name == Self.head { return false }
      if name.hasSuffix("rotary_emb.inv_freq") { return false }
      guard let matrix = StoredNF4.matrix(ofCompanion: name) else { return true }
      return shapes[matrix] == nil && matrix != Self.head
    }.sorted()
  }
}

extension ModelSource {
  /// Throws ``ModelError/strangers(names:path:)`` when the source holds tensors that the model has no use for: biases,
  /// norms of queries and keys, layers beyond the configuration's. Computing without them would give another model.
  func requireKnownTensors() throws {
    let strangers = TensorInventory(configuration).strangers(among: tensorNames)
    guard strangers.isEmpty else { throw ModelError.strangers(names: strangers, path: path) }
  }
}
