import MotetFormats
import MotetTensor

/// Phi-3, 3.5, 4 and 4-mini: queries, keys and values in one layer, gate and values in another, and LongRoPE.
///
/// Source: transformers, `modeling_phi3.py`.
enum Phi3: Architecture {
  static let name = "phi3"
  static let modelTypes = ["phi3"]
  static let ggufNames = ["phi3"]

  static let ggufModules = [
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
  ]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let sizes = try DecoderSizes(fields, epsilon: 1e-5, positions: 4096)
    try fields.refuseUncomputed(
      headDimension: sizes.headDimension, positions: sizes.positions,
      computed: ["sliding_window", "partial_rotary_factor"])
    let rotated = try rotated(fields, sizes)
    let window = try fields.window()
    return try ModelDescription(
      self, fields, configuration: try sizes.configuration(fields),
      embedding: EmbeddingBlock("model.embed_tokens"),
      layers: (0..<sizes.layers).map { index in
        let layer = "model.layers.\(index)"
        return LayerBlock(
          attention: AttentionBlock(
            before: sizes.norm("\(layer).input_layernorm"),
            input: [
              LinearBlock(
                "\(layer).self_attn.qkv_proj", .queryKeyValue, outputs: sizes.shape.packedWidth,
                inputs: sizes.hidden)
            ],
            output: LinearBlock(
              "\(layer).self_attn.o_proj", .attentionOutput, outputs: sizes.hidden,
              inputs: sizes.heads * sizes.headDimension),
            rule: AttentionRule(sizes.shape, window: window), rotation: 0),
          feedForward: FeedForwardBlock(
            before: sizes.norm("\(layer).post_attention_layernorm"),
            input: [
              LinearBlock(
                "\(layer).mlp.gate_up_proj", .gateUp, outputs: 2 * sizes.intermediate, inputs: sizes.hidden)
            ],
            output: LinearBlock(
              "\(layer).mlp.down_proj", .down, outputs: sizes.hidden, inputs: sizes.intermediate),
            activation: .silu, isGated: true))
      },
      finalNorm: sizes.norm("model.norm"), head: HeadBlock("lm_head"),
      rotations: [try RotaryRule(fields, dimensions: rotated, positions: sizes.positions)])
  }

  /// Dimensions of a head that are rotated: Phi-4-mini rotates three of four.
  private static func rotated(_ fields: ConfigurationFields, _ sizes: DecoderSizes) throws -> Int {
    var share = try fields.double("partial_rotary_factor", or: 1)
    if case .object(let rotation)? = fields.present("rope_parameters"),
      let own = rotation["partial_rotary_factor"]?.doubleValue
    {
      share = own
    }
    let rotated = Int(Double(sizes.headDimension) * share)
    guard share > 0, share <= 1, rotated > 0, rotated.isMultiple(of: 2) else {
      throw fields.malformed(
        "partial_rotary_factor", "\(share) of \(sizes.headDimension) is not an even number of dimensions")
    }
    return rotated
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try DecoderSizes.members(keys, type: "phi3", className: "Phi3ForCausalLM")
    let head = members["head_dim"]?.intValue ?? 1
    try keys.refuseUncomputed(
      headDimension: head, computed: ["attention.sliding_window", "rope.dimension_count"])
    let share = Double(try keys.int(keys.own("rope.dimension_count"), or: head)) / Double(head)
    let window = try keys.int(keys.own("attention.sliding_window"), or: 0)
    var rotation = try RotaryRule.members(keys)
    if case .object(var members) = rotation {
      members["partial_rotary_factor"] = .double(share)
      rotation = .object(members)
    }
    members.merge([
      "hidden_act": .string("silu"), "rms_norm_eps": try DecoderSizes.epsilon(keys),
      "rope_parameters": rotation, "partial_rotary_factor": .double(share),
      "sliding_window": window > 0 ? .int(window) : .null,
      "original_max_position_embeddings": .int(
        try keys.int(
          keys.own("rope.scaling.original_context_length"), or: keys.int(keys.own("context_length")))),
    ]) { _, new in new }
    return members
  }
}
