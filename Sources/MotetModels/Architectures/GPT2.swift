import MotetFormats
import MotetTensor

/// GPT-2: learnt positions, LayerNorms, biases everywhere, and matrices that files hold turned.
///
/// Source: transformers, `modeling_gpt2.py`; Radford et al. 2019.
enum GPT2: Architecture {
  static let name = "gpt2"
  static let modelTypes = ["gpt2"]
  static let ggufNames = ["gpt2"]
  static let root = "transformer."

  static let ggufModules = [
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
    "lm_head": "output", "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
  ]

  private static let activations: [String: Activation] = [
    "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "gelu": .gelu, "relu": .relu, "silu": .silu,
  ]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let sizes = try DecoderSizes(renamed(fields), epsilon: 1e-5, positions: 1024)
    try fields.refuseUncomputed(headDimension: sizes.headDimension, positions: sizes.positions)
    let name = fields.present("activation_function")?.stringValue ?? "gelu_new"
    guard let activation = activations[name] else {
      throw fields.unsupported(
        "activation_function", "the activation \(quoted(name))",
        mend: "use a model with \(activations.keys.sorted().joined(separator: ", "))")
    }
    let isScaled = try fields.bool("scale_attn_weights", or: true)
    let byLayer = try fields.bool("scale_attn_by_inverse_layer_idx", or: false)
    func norm(_ module: String) -> NormBlock {
      NormBlock(module, .layer, width: sizes.hidden, epsilon: sizes.epsilon, hasBias: true)
    }
    func linear(_ module: String, _ kind: LinearBlock.Kind, _ outputs: Int, _ inputs: Int) -> LinearBlock {
      LinearBlock(module, kind, outputs: outputs, inputs: inputs, hasBias: true, isTransposed: true)
    }
    return try ModelDescription(
      self, fields, configuration: try sizes.configuration(fields, tied: true),
      embedding: EmbeddingBlock(
        "transformer.wte",
        positions: EmbeddingBlock.Positions(module: "transformer.wpe", count: sizes.positions)),
      layers: (0..<sizes.layers).map { index in
        let layer = "transformer.h.\(index)"
        let scale = isScaled ? 1 / Float(sizes.headDimension).squareRoot() : 1
        return LayerBlock(
          attention: AttentionBlock(
            before: norm("\(layer).ln_1"),
            input: [linear("\(layer).attn.c_attn", .queryKeyValue, 3 * sizes.hidden, sizes.hidden)],
            output: linear("\(layer).attn.c_proj", .attentionOutput, sizes.hidden, sizes.hidden),
            rule: AttentionRule(sizes.shape, scale: byLayer ? scale / Float(index + 1) : scale),
            rotation: nil),
          feedForward: FeedForwardBlock(
            before: norm("\(layer).ln_2"),
            input: [linear("\(layer).mlp.c_fc", .up, sizes.intermediate, sizes.hidden)],
            output: linear("\(layer).mlp.c_proj", .down, sizes.hidden, sizes.intermediate),
            activation: activation, isGated: false))
      },
      finalNorm: norm("transformer.ln_f"), head: HeadBlock("lm_head"), rotations: [])
  }

  /// By the names that other families have.
  private static func renamed(_ fields: ConfigurationFields) throws -> ConfigurationFields {
    var members = fields.members
    for (own, usual) in [
      ("n_embd", "hidden_size"), ("n_layer", "num_hidden_layers"), ("n_head", "num_attention_heads"),
      ("n_positions", "max_position_embeddings"), ("layer_norm_epsilon", "rms_norm_eps"),
      ("n_inner", "intermediate_size"),
    ] {
      if let value = fields.present(own) { members[usual] = value }
    }
    if members["intermediate_size"] == nil {
      members["intermediate_size"] = .int(4 * (try fields.int("n_embd")))
    }
    members["num_key_value_heads"] = nil
    members["head_dim"] = nil
    return ConfigurationFields(file: fields.file, members: members)
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    let usual = try DecoderSizes.members(keys, type: "gpt2", className: "GPT2LMHeadModel")
    try keys.refuseUncomputed(headDimension: usual["head_dim"]?.intValue ?? 1)
    let kept = [
      "model_type", "architectures", "vocab_size", "tie_word_embeddings", "bos_token_id", "eos_token_id",
      "pad_token_id", "use_cache", "initializer_range",
    ]
    var members = usual.filter { kept.contains($0.key) }
    members.merge([
      "n_embd": usual["hidden_size"] ?? .null, "n_layer": usual["num_hidden_layers"] ?? .null,
      "n_head": usual["num_attention_heads"] ?? .null, "n_inner": usual["intermediate_size"] ?? .null,
      "n_positions": usual["max_position_embeddings"] ?? .null,
      "layer_norm_epsilon": .double(try keys.double(keys.own("attention.layer_norm_epsilon"))),
      "activation_function": .string("gelu_new"),
    ]) { _, new in new }
    return members
  }
}
