import MotetFormats
import MotetTensor

/// Qwen 2 and 2.5: a Llama whose queries, keys and values have a bias.
///
/// Source: transformers, `modeling_qwen2.py`.
enum Qwen2: Architecture {
  static let name = "qwen2"
  static let modelTypes = ["qwen2"]
  static let ggufNames = ["qwen2"]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    try QwenLayers(fields, bias: true).model(self, fields) { _, _ in (nil, nil) }
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    try QwenLayers.members(keys, type: "qwen2", className: "Qwen2ForCausalLM")
  }
}

/// Qwen 3: no bias, and a norm of each head of queries and keys.
///
/// Source: transformers, `modeling_qwen3.py`.
enum Qwen3: Architecture {
  static let name = "qwen3"
  static let modelTypes = ["qwen3"]
  static let ggufNames = ["qwen3"]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let bias = try fields.bool("attention_bias", or: false)
    return try QwenLayers(fields, bias: bias, outputBias: bias).model(self, fields) { module, sizes in
      func norm(_ name: String) -> NormBlock {
        NormBlock("\(module).\(name)", width: sizes.headDimension, epsilon: sizes.epsilon)
      }
      return (norm("q_norm"), norm("k_norm"))
    }
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try QwenLayers.members(keys, type: "qwen3", className: "Qwen3ForCausalLM")
    members["attention_bias"] = .bool(keys.file.contains("blk.0.attn_q.bias"))
    return members
  }
}

/// What both have.
private struct QwenLayers {
  let sizes: DecoderSizes
  let types: LayerTypes
  let window: Int?
  let bias: Bool
  let outputBias: Bool

  init(_ fields: ConfigurationFields, bias: Bool, outputBias: Bool = false) throws {
    sizes = try DecoderSizes(fields, positions: 32768)
    self.bias = bias
    self.outputBias = outputBias
    try fields.refuseUncomputed(
      headDimension: sizes.headDimension, positions: sizes.positions,
      computed: ["sliding_window", "layer_types", "attention_bias"])
    let slides = try fields.bool("use_sliding_window", or: false)
    window = slides ? try fields.window() : nil
    let first = try fields.int("max_window_layers", or: 28)
    let isWindowed = window != nil
    types = try LayerTypes(fields, layers: sizes.layers) { layer in
      isWindowed && layer >= first ? LayerTypes.sliding : LayerTypes.full
    }
  }

  func model(
    _ architecture: any Architecture.Type, _ fields: ConfigurationFields,
    norms: (_ module: String, _ sizes: DecoderSizes) -> (query: NormBlock?, key: NormBlock?)
  ) throws -> ModelDescription {
    try ModelDescription(
      architecture, fields, configuration: try sizes.configuration(fields),
      embedding: EmbeddingBlock("model.embed_tokens"),
      layers: (0..<sizes.layers).map { index in
        let layer = "model.layers.\(index)"
        let (query, key) = norms("\(layer).self_attn", sizes)
        return LayerBlock(
          attention: sizes.attention(
            "\(layer).self_attn", before: sizes.norm("\(layer).input_layernorm"), bias: bias,
            outputBias: outputBias, queryNorm: query, keyNorm: key,
            rule: AttentionRule(sizes.shape, window: types.isSliding(index) ? window : nil)),
          feedForward: sizes.gatedFeedForward(
            "\(layer).mlp", before: sizes.norm("\(layer).post_attention_layernorm")))
      },
      finalNorm: sizes.norm("model.norm"), head: HeadBlock("lm_head"),
      rotations: [
        try RotaryRule(fields, dimensions: sizes.headDimension, positions: sizes.positions)
      ])
  }

  static func members(
    _ keys: GGUFKeys, type: String, className: String
  ) throws -> [String: JSONValue] {
    var members = try DecoderSizes.members(keys, type: type, className: className)
    try keys.refuseUncomputed(headDimension: members["head_dim"]?.intValue ?? 1)
    members.merge([
      "hidden_act": .string("silu"), "rms_norm_eps": try DecoderSizes.epsilon(keys),
      "rope_parameters": try RotaryRule.members(keys), "use_sliding_window": .bool(false),
    ]) { _, new in new }
    return members
  }
}
