import MotetFormats
import MotetTensor

/// OLMo 2: no norm before the sublayers but one after each, and norms of all queries and all keys.
///
/// Source: transformers, `modeling_olmo2.py`; OLMo Team 2025, arXiv 2501.00656.
enum Olmo2: Architecture {
  static let name = "olmo2"
  static let modelTypes = ["olmo2"]
  static let ggufNames = ["olmo2"]

  static let ggufModules = [
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "post_attention_norm",
    "post_feedforward_layernorm": "post_ffw_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
  ]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let sizes = try DecoderSizes(fields, epsilon: 1e-5)
    try fields.refuseUncomputed(
      headDimension: sizes.headDimension, positions: sizes.positions, computed: ["attention_bias"])
    let bias = try fields.bool("attention_bias", or: false)
    return try ModelDescription(
      self, fields, configuration: try sizes.configuration(fields),
      embedding: EmbeddingBlock("model.embed_tokens"),
      layers: (0..<sizes.layers).map { index in
        let layer = "model.layers.\(index)"
        func norm(_ name: String, heads: Int) -> NormBlock {
          NormBlock(
            "\(layer).self_attn.\(name)", width: heads * sizes.headDimension, epsilon: sizes.epsilon)
        }
        return LayerBlock(
          attention: sizes.attention(
            "\(layer).self_attn", before: nil, after: sizes.norm("\(layer).post_attention_layernorm"),
            bias: bias, outputBias: bias, queryNorm: norm("q_norm", heads: sizes.heads),
            keyNorm: norm("k_norm", heads: sizes.kvHeads)),
          feedForward: sizes.gatedFeedForward(
            "\(layer).mlp", before: nil, after: sizes.norm("\(layer).post_feedforward_layernorm")))
      },
      finalNorm: sizes.norm("model.norm"), head: HeadBlock("lm_head"),
      rotations: [
        try RotaryRule(fields, dimensions: sizes.headDimension, positions: sizes.positions)
      ])
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try DecoderSizes.members(keys, type: "olmo2", className: "Olmo2ForCausalLM")
    try keys.refuseUncomputed(headDimension: members["head_dim"]?.intValue ?? 1)
    members.merge([
      "hidden_act": .string("silu"), "rms_norm_eps": try DecoderSizes.epsilon(keys),
      "rope_parameters": try RotaryRule.members(keys), "attention_bias": .bool(false),
    ]) { _, new in new }
    return members
  }
}
