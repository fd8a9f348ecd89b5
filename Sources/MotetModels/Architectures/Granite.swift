import MotetFormats
import MotetTensor

/// Granite 3: a Llama whose embeddings, scores, sublayers and logits are scaled.
///
/// Source: transformers, `modeling_granite.py`.
enum Granite: Architecture {
  static let name = "granite"
  static let modelTypes = ["granite"]
  static let ggufNames = ["granite"]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let sizes = try DecoderSizes(fields)
    try fields.refuseUncomputed(
      headDimension: sizes.headDimension, positions: sizes.positions,
      computed: [
        "attention_bias", "mlp_bias", "embedding_multiplier", "attention_multiplier", "residual_multiplier",
        "logits_scaling",
      ])
    func factor(_ name: String) throws -> Float {
      let value = try fields.double(name, or: 1)
      guard value.isFinite, value != 0 else { throw fields.malformed(name, "\(value) is not a factor") }
      return Float(value)
    }
    let (bias, innerBias) = (
      try fields.bool("attention_bias", or: false), try fields.bool("mlp_bias", or: false)
    )
    let (attention, residual) = (try factor("attention_multiplier"), try factor("residual_multiplier"))
    return try ModelDescription(
      self, fields, configuration: try sizes.configuration(fields),
      embedding: EmbeddingBlock(
        "model.embed_tokens", scale: try factor("embedding_multiplier"), scalesPrompts: true),
      layers: (0..<sizes.layers).map { index in
        let layer = "model.layers.\(index)"
        return LayerBlock(
          attention: sizes.attention(
            "\(layer).self_attn", before: sizes.norm("\(layer).input_layernorm"), bias: bias,
            outputBias: bias, rule: AttentionRule(sizes.shape, scale: attention)),
          feedForward: sizes.gatedFeedForward(
            "\(layer).mlp", before: sizes.norm("\(layer).post_attention_layernorm"), bias: innerBias),
          residualScale: residual)
      },
      finalNorm: sizes.norm("model.norm"),
      head: HeadBlock("lm_head", scale: 1 / (try factor("logits_scaling"))),
      rotations: [
        try RotaryRule(fields, dimensions: sizes.headDimension, positions: sizes.positions)
      ])
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try DecoderSizes.members(keys, type: "granite", className: "GraniteForCausalLM")
    let head = members["head_dim"]?.intValue ?? 1
    try keys.refuseUncomputed(
      headDimension: head, computed: ["attention.scale", "embedding_scale", "residual_scale", "logit_scale"])
    // 0 is llama.cpp's "not given".
    func factor(_ name: String, or usual: Double) throws -> JSONValue {
      let value = try keys.double(keys.own(name), or: 0)
      return .double(value == 0 ? usual : value)
    }
    members.merge([
      "hidden_act": .string("silu"), "rms_norm_eps": try DecoderSizes.epsilon(keys),
      "rope_parameters": try RotaryRule.members(keys),
      "attention_bias": .bool(keys.file.contains("blk.0.attn_q.bias")),
      "mlp_bias": .bool(keys.file.contains("blk.0.ffn_up.bias")),
      "embedding_multiplier": try factor("embedding_scale", or: 1),
      "attention_multiplier": try factor("attention.scale", or: 1 / Double(head).squareRoot()),
      "residual_multiplier": try factor("residual_scale", or: 1),
      "logits_scaling": try factor("logit_scale", or: 1),
    ]) { _, new in new }
    return members
  }

  /// Converted as a Llama is.
  static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm {
    Llama.ggufForm(of: tensor, in: model)
  }
}
