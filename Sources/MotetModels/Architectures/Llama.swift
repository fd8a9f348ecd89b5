import MotetFormats
import MotetTensor

/// Llama 2, 3, 3.1 and 3.2, and those that share its code: TinyLlama, SmolLM2, Yi, DeepSeek's distilled Llamas, and
/// Mistral, whose attention may see a window alone.
///
/// Source: transformers, `modeling_llama.py` and `modeling_mistral.py`.
enum Llama: Architecture {
  static let name = "llama"
  static let modelTypes = ["llama", "mistral"]
  static let ggufNames = ["llama"]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let sizes = try DecoderSizes(fields)
    let isMistral = try fields.string("model_type") == "mistral"
    try fields.refuseUncomputed(
      headDimension: sizes.headDimension, positions: sizes.positions,
      computed: isMistral ? ["sliding_window"] : ["attention_bias", "mlp_bias"])
    let bias = try !isMistral && fields.bool("attention_bias", or: false)
    let innerBias = try !isMistral && fields.bool("mlp_bias", or: false)
    let rule = AttentionRule(
      sizes.shape, window: isMistral ? try fields.optionalInt("sliding_window") : nil)
    return try ModelDescription(
      self, fields, configuration: try sizes.configuration(fields),
      embedding: EmbeddingBlock("model.embed_tokens"),
      layers: (0..<sizes.layers).map { index in
        let layer = "model.layers.\(index)"
        return LayerBlock(
          attention: sizes.attention(
            "\(layer).self_attn", before: sizes.norm("\(layer).input_layernorm"), bias: bias,
            outputBias: bias, rule: rule),
          feedForward: sizes.gatedFeedForward(
            "\(layer).mlp", before: sizes.norm("\(layer).post_attention_layernorm"), bias: innerBias))
      },
      finalNorm: sizes.norm("model.norm"), head: HeadBlock("lm_head"),
      rotations: [
        try RotaryRule(fields, dimensions: sizes.headDimension, positions: sizes.positions)
      ])
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    let window = try keys.int(keys.own("attention.sliding_window"), or: 0)
    var members = try DecoderSizes.members(
      keys, type: window > 0 ? "mistral" : "llama",
      className: window > 0 ? "MistralForCausalLM" : "LlamaForCausalLM")
    try keys.refuseUncomputed(
      headDimension: members["head_dim"]?.intValue ?? 1, computed: ["attention.sliding_window"])
    members.merge([
      "hidden_act": .string("silu"), "rms_norm_eps": try DecoderSizes.epsilon(keys),
      "rope_parameters": try RotaryRule.members(keys),
    ]) { _, new in new }
    if window > 0 {
      members["sliding_window"] = .int(window)
    } else {
      members["attention_bias"] = .bool(keys.file.contains("blk.0.attn_q.bias"))
      members["mlp_bias"] = .bool(keys.file.contains("blk.0.ffn_up.bias"))
      members["pretraining_tp"] = .int(1)
    }
    return members
  }

  /// llama.cpp reorders the rows of queries and keys so that rotated pairs are neighbours.
  static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm {
    let shape = model.attentionShape
    if tensor.module.hasSuffix(".q_proj") { return GGUFForm(pairedHeads: shape.heads) }
    if tensor.module.hasSuffix(".k_proj") { return GGUFForm(pairedHeads: shape.kvHeads) }
    return GGUFForm()
  }
}
