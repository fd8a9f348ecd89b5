import MotetFormats
import MotetTensor

/// SmolLM3: a Llama in which every fourth layer goes without rotation.
///
/// Source: transformers, `modeling_smollm3.py`.
enum SmolLM3: Architecture {
  static let name = "smollm3"
  static let modelTypes = ["smollm3"]
  static let ggufNames = ["smollm3"]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let sizes = try DecoderSizes(fields, positions: 32768)
    try fields.refuseUncomputed(
      headDimension: sizes.headDimension, positions: sizes.positions,
      computed: ["attention_bias", "mlp_bias", "no_rope_layers", "sliding_window", "layer_types"])
    let interval = try fields.int("no_rope_layer_interval", or: 4)
    guard interval > 0 else { throw fields.malformed("no_rope_layer_interval", "it is not positive") }
    var rotates = (1...sizes.layers).map { !$0.isMultiple(of: interval) }
    if fields.present("no_rope_layers") != nil {
      let own = try fields.ints("no_rope_layers")
      guard own.count == sizes.layers else {
        throw fields.malformed("no_rope_layers", "it is not a list of \(sizes.layers) numbers")
      }
      rotates = own.map { $0 != 0 }
    }
    let window = try fields.bool("use_sliding_window", or: false) ? try fields.window() : nil
    let types = try LayerTypes(fields, layers: sizes.layers)
    let (bias, innerBias) = (
      try fields.bool("attention_bias", or: false), try fields.bool("mlp_bias", or: false)
    )
    return try ModelDescription(
      self, fields, configuration: try sizes.configuration(fields, tied: true),
      embedding: EmbeddingBlock("model.embed_tokens"),
      layers: (0..<sizes.layers).map { index in
        let layer = "model.layers.\(index)"
        return LayerBlock(
          attention: sizes.attention(
            "\(layer).self_attn", before: sizes.norm("\(layer).input_layernorm"), bias: bias,
            outputBias: bias,
            rule: AttentionRule(sizes.shape, window: types.isSliding(index) ? window : nil),
            rotation: rotates[index] ? 0 : nil),
          feedForward: sizes.gatedFeedForward(
            "\(layer).mlp", before: sizes.norm("\(layer).post_attention_layernorm"), bias: innerBias))
      },
      finalNorm: sizes.norm("model.norm"), head: HeadBlock("lm_head"),
      rotations: [
        try RotaryRule(
          fields, dimensions: sizes.headDimension, positions: sizes.positions, theta: 2_000_000)
      ])
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try DecoderSizes.members(keys, type: "smollm3", className: "SmolLM3ForCausalLM")
    try keys.refuseUncomputed(headDimension: members["head_dim"]?.intValue ?? 1)
    members.merge([
      "hidden_act": .string("silu"), "rms_norm_eps": try DecoderSizes.epsilon(keys),
      "rope_parameters": try RotaryRule.members(keys), "use_sliding_window": .bool(false),
      "attention_bias": .bool(false), "mlp_bias": .bool(false), "no_rope_layer_interval": .int(4),
    ]) { _, new in new }
    return members
  }

  /// Converted as a Llama is.
  static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm {
    Llama.ggufForm(of: tensor, in: model)
  }
}
