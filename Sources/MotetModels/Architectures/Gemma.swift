import MotetFormats
import MotetTensor

/// Gemma: embeddings scaled by √hidden, norms stored as their distance from 1, and GeLU as the gate.
///
/// Source: transformers, `modeling_gemma.py`.
enum Gemma: Architecture {
  static let name = "gemma"
  static let modelTypes = ["gemma"]
  static let ggufNames = ["gemma"]

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let parts = try GemmaParts(fields)
    return try parts.model(
      self, fields, softcap: nil,
      rotations: [
        try RotaryRule(fields, dimensions: parts.sizes.headDimension, positions: parts.sizes.positions)
      ]
    ) { index, layer in
      LayerBlock(
        attention: parts.sizes.attention(
          "\(layer).self_attn", before: parts.norm("\(layer).input_layernorm")),
        feedForward: parts.feedForward(layer, before: parts.norm("\(layer).post_attention_layernorm")))
    }
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try GemmaParts.members(keys, type: "gemma", className: "GemmaForCausalLM")
    members["hidden_act"] = .string("gelu_pytorch_tanh")
    try keys.refuseUncomputed(headDimension: members["head_dim"]?.intValue ?? 1)
    return members
  }

  static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm {
    GemmaParts.ggufForm(of: tensor)
  }
}

/// Gemma 2: norms after the sublayers too, capped scores, and a window in every other layer.
///
/// Source: transformers, `modeling_gemma2.py`; Gemma Team 2024, arXiv 2408.00118.
enum Gemma2: Architecture {
  static let name = "gemma2"
  static let modelTypes = ["gemma2"]
  static let ggufNames = ["gemma2"]
  static let ggufModules = GemmaParts.ggufModules

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let parts = try GemmaParts(fields)
    let types = try LayerTypes(fields, layers: parts.sizes.layers) {
      $0.isMultiple(of: 2) ? LayerTypes.sliding : LayerTypes.full
    }
    let window = try fields.window()
    let softcap = try fields.softcap("attn_logit_softcapping")
    return try parts.model(
      self, fields, softcap: try fields.softcap("final_logit_softcapping"),
      rotations: [
        try RotaryRule(fields, dimensions: parts.sizes.headDimension, positions: parts.sizes.positions)
      ]
    ) { index, layer in
      parts.layer(
        layer,
        rule: AttentionRule(
          parts.sizes.shape, window: types.isSliding(index) ? window : nil, scale: parts.scale,
          softcap: softcap))
    }
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try GemmaParts.members(keys, type: "gemma2", className: "Gemma2ForCausalLM")
    members.merge([
      "attn_logit_softcapping": .double(try keys.double(keys.own("attn_logit_softcapping"), or: 50)),
      "final_logit_softcapping": .double(try keys.double(keys.own("final_logit_softcapping"), or: 30)),
      "sliding_window": .int(try keys.int(keys.own("attention.sliding_window"), or: 4096)),
      // As llama.cpp tells the 27B by its layers.
      "query_pre_attn_scalar": GemmaParts.scalar(members, byHidden: 46),
    ]) { _, new in new }
    return members
  }

  static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm {
    GemmaParts.ggufForm(of: tensor)
  }
}

/// Gemma 3 (text): norms of each head of queries and keys, a window in five of six layers, and a rotation of their own in
/// these.
///
/// Source: transformers, `modeling_gemma3.py`; Gemma Team 2025, arXiv 2503.19786.
enum Gemma3: Architecture {
  static let name = "gemma3"
  static let modelTypes = ["gemma3_text"]
  static let ggufNames = ["gemma3"]
  static let ggufModules = GemmaParts.ggufModules

  static func model(_ fields: ConfigurationFields) throws -> ModelDescription {
    let parts = try GemmaParts(fields)
    let sizes = parts.sizes
    let pattern = try fields.int(
      "sliding_window_pattern", or: fields.int("_sliding_window_pattern", or: 6))
    guard pattern > 0 else { throw fields.malformed("sliding_window_pattern", "it is not positive") }
    let types = try LayerTypes(fields, layers: sizes.layers) {
      ($0 + 1).isMultiple(of: pattern) ? LayerTypes.full : LayerTypes.sliding
    }
    let window = try fields.window()
    let softcap = try fields.softcap("attn_logit_softcapping")
    let global = try RotaryRule(
      fields, dimensions: sizes.headDimension, positions: sizes.positions, layers: LayerTypes.full,
      theta: 1_000_000)
    // transformers 4 has a member of its own for it; nothing there is scaled.
    let local: RotaryRule
    if case .object(let rotations)? = fields.present("rope_parameters"), rotations[LayerTypes.sliding] != nil
    {
      local = try RotaryRule(
        fields, dimensions: sizes.headDimension, positions: sizes.positions, layers: LayerTypes.sliding)
    } else {
      local = RotaryRule(
        theta: try fields.double("rope_local_base_freq", or: 10_000), dimensions: sizes.headDimension)
    }
    return try parts.model(
      self, fields, softcap: try fields.softcap("final_logit_softcapping"), rotations: [global, local]
    ) { index, layer in
      func norm(_ name: String) -> NormBlock {
        NormBlock(
          "\(layer).self_attn.\(name)", width: sizes.headDimension, epsilon: sizes.epsilon, offset: 1)
      }
      let isSliding = types.isSliding(index)
      return parts.layer(
        layer,
        rule: AttentionRule(
          sizes.shape, window: isSliding ? window : nil, scale: parts.scale, softcap: softcap),
        rotation: isSliding ? 1 : 0, queryNorm: norm("q_norm"), keyNorm: norm("k_norm"))
    }
  }

  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue] {
    var members = try GemmaParts.members(keys, type: "gemma3_text", className: "Gemma3ForCausalLM")
    let layers = members["num_hidden_layers"]?.intValue ?? 0
    let pattern = try keys.int(keys.own("attention.sliding_window_pattern"), or: 6)
    guard pattern > 0 else {
      throw keys.malformed(keys.own("attention.sliding_window_pattern"), "it is not positive")
    }
    let global = try RotaryRule.members(keys, theta: 1_000_000)
    let local: JSONValue = .object([
      "rope_type": .string("default"),
      "rope_theta": .double(try keys.double(keys.own("rope.freq_base_swa"), or: 10_000)),
    ])
    members.merge([
      "sliding_window": .int(try keys.int(keys.own("attention.sliding_window"))),
      "layer_types": .array(
        (1...max(1, layers)).map {
          .string($0.isMultiple(of: pattern) ? LayerTypes.full : LayerTypes.sliding)
        }),
      "rope_parameters": .object([LayerTypes.full: global, LayerTypes.sliding: local]),
      // As llama.cpp tells the 27B by its layers.
      "query_pre_attn_scalar": GemmaParts.scalar(members, byHidden: 62),
    ]) { _, new in new }
    if let cap = try keys.optionalDouble(keys.own("final_logit_softcapping")) {
      members["final_logit_softcapping"] = .double(cap)
    }
    return members
  }

  static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm {
    GemmaParts.ggufForm(of: tensor)
  }
}

/// What all of them have.
private struct GemmaParts {
  let sizes: DecoderSizes
  /// What scores are multiplied by.
  let scale: Float

  init(_ fields: ConfigurationFields) throws {
    sizes = try DecoderSizes(fields, positions: 8192)
    try fields.refuseUncomputed(
      headDimension: sizes.headDimension, positions: sizes.positions,
      computed: [
        "sliding_window", "layer_types", "query_pre_attn_scalar", "attn_logit_softcapping",
        "final_logit_softcapping", "hidden_act",
      ])
    // Old configurations of Gemma say `gelu`, and mean the approximation.
    for name in ["hidden_activation", "hidden_act"] {
      guard let activation = fields.present(name)?.stringValue else { continue }
      guard ["gelu_pytorch_tanh", "gelu"].contains(activation) else {
        throw fields.unsupported(
          name, "the activation \(quoted(activation))", mend: "use a model with gelu_pytorch_tanh")
      }
    }
    let scalar = try fields.double("query_pre_attn_scalar", or: Double(sizes.headDimension))
    guard scalar > 0 else { throw fields.malformed("query_pre_attn_scalar", "it is not positive") }
    scale = Float(1 / scalar.squareRoot())
  }

  func norm(_ module: String) -> NormBlock { sizes.norm(module, offset: 1) }

  func feedForward(_ layer: String, before: NormBlock, after: NormBlock? = nil) -> FeedForwardBlock {
    sizes.gatedFeedForward("\(layer).mlp", before: before, after: after, activation: .geluTanh)
  }

  /// A layer with norms on both sides of its sublayers.
  func layer(
    _ layer: String, rule: AttentionRule, rotation: Int = 0, queryNorm: NormBlock? = nil,
    keyNorm: NormBlock? = nil
  ) -> LayerBlock {
    LayerBlock(
      attention: sizes.attention(
        "\(layer).self_attn", before: norm("\(layer).input_layernorm"),
        after: norm("\(layer).post_attention_layernorm"), queryNorm: queryNorm, keyNorm: keyNorm, rule: rule,
        rotation: rotation),
      feedForward: feedForward(
        layer, before: norm("\(layer).pre_feedforward_layernorm"),
        after: norm("\(layer).post_feedforward_layernorm")))
  }

  func model(
    _ architecture: any Architecture.Type, _ fields: ConfigurationFields, softcap: Float?,
    rotations: [RotaryRule], layer: (_ index: Int, _ module: String) -> LayerBlock
  ) throws -> ModelDescription {
    try ModelDescription(
      architecture, fields, configuration: try sizes.configuration(fields, tied: true),
      embedding: EmbeddingBlock("model.embed_tokens", scale: Float(sizes.hidden).squareRoot()),
      layers: (0..<sizes.layers).map { layer($0, "model.layers.\($0)") },
      finalNorm: norm("model.norm"), head: HeadBlock("lm_head", softcap: softcap), rotations: rotations)
  }

  static func members(
    _ keys: GGUFKeys, type: String, className: String
  ) throws -> [String: JSONValue] {
    var members = try DecoderSizes.members(keys, type: type, className: className)
    try keys.refuseUncomputed(
      headDimension: members["head_dim"]?.intValue ?? 1,
      computed: ["attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"])
    members.merge([
      "hidden_activation": .string("gelu_pytorch_tanh"), "rms_norm_eps": try DecoderSizes.epsilon(keys),
      "rope_parameters": try RotaryRule.members(keys), "attention_bias": .bool(false),
    ]) { _, new in new }
    return members
  }

  /// `query_pre_attn_scalar`: a head's width or, of the largest model, which has so many layers, the hidden size by heads.
  static func scalar(_ members: [String: JSONValue], byHidden layers: Int) -> JSONValue {
    let head = members["head_dim"]?.intValue ?? 1
    guard members["num_hidden_layers"]?.intValue == layers, let hidden = members["hidden_size"]?.intValue,
      let heads = members["num_attention_heads"]?.intValue, heads > 0
    else { return .int(head) }
    return .int(hidden / heads)
  }

  static let ggufModules: [String: String] = [
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
  ]

  /// The file holds 1 + w.
  static func ggufForm(of tensor: TensorSpec) -> GGUFForm {
    tensor.role == .norm ? GGUFForm(offset: 1) : GGUFForm()
  }
}

extension ConfigurationFields {
  /// A cap of scores, which is positive; nil where there is none.
  fileprivate func softcap(_ name: String) throws -> Float? {
    guard present(name) != nil else { return nil }
    let value = try double(name, or: 0)
    guard value > 0 else { throw malformed(name, "\(value) is not positive") }
    return Float(value)
  }
}
