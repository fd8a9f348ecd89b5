import MotetFormats

extension ConfigurationFields {
  /// Refuses members that change what a model computes, unless their value leaves it as it is or the family computes it.
  ///
  /// transformers passes over members that its own class of a model does not know; the programs that wrote them meant them.
  /// Sources: transformers' configurations of Llama's relatives (Mistral, Granite, Cohere, Gemma 2, SmolLM3, OLMo, Llama 4).
  /// - Parameter computed: the members that the family reads itself
  /// - Throws: `FormatError` naming the first
  func refuseUncomputed(
    headDimension: Int, positions: Int, computed: Set<String> = [], activations: [String] = ["silu", "swish"]
  ) throws {
    try refuseQuantization()
    func numbers(_ neutral: Double...) -> (JSONValue) -> Bool {
      { value in
        value.doubleValue.map { number in neutral.contains { abs($0 - number) <= 1e-6 * max(1, abs($0)) } }
          ?? false
      }
    }
    func truth(_ neutral: Bool) -> (JSONValue) -> Bool { { $0 == .bool(neutral) } }
    let absent: (JSONValue) -> Bool = { $0.isAbsent }
    let scale = 1 / Double(headDimension).squareRoot()
    let isWide: (JSONValue) -> Bool = { $0.intValue.map { $0 <= 0 || $0 >= positions } ?? false }
    let everyLayer: (JSONValue) -> Bool = { value in
      value.stringsValue?.allSatisfy { $0 == "full_attention" } ?? false
    }
    let allOnes: (JSONValue) -> Bool = { $0.intsValue?.allSatisfy { $0 == 1 } ?? $0.isAbsent }
    let hasNoWindow = members["use_sliding_window"] == .bool(false)
    let table: [(name: String, isNeutral: (JSONValue) -> Bool, feature: String)] = [
      ("attention_bias", truth(false), "a bias in the linear layers"),
      ("mlp_bias", truth(false), "a bias in the linear layers"),
      ("hidden_act", { activations.contains($0.stringValue ?? "") }, "another activation"),
      ("partial_rotary_factor", numbers(1), "rotation of a part of the head"),
      ("rope_interleaved", truth(false), "interleaved rotation"),
      ("sliding_window", { hasNoWindow || isWide($0) }, "attention within a window"),
      ("layer_types", everyLayer, "layers of several kinds"),
      ("no_rope_layers", allOnes, "layers without rotation"),
      ("attention_chunk_size", absent, "attention within chunks"),
      ("is_causal", truth(true), "attention that looks ahead"),
      ("use_bidirectional_attention", absent, "attention that looks ahead"),
      ("use_qk_norm", truth(false), "norms of queries and keys"),
      ("qk_norm", truth(false), "norms of queries and keys"),
      ("qk_layernorm", truth(false), "norms of queries and keys"),
      ("clip_qkv", absent, "clamped queries, keys and values"),
      ("attention_multiplier", numbers(scale), "another scale of attention"),
      ("query_pre_attn_scalar", numbers(Double(headDimension)), "another scale of attention"),
      ("attn_logit_softcapping", absent, "capped attention logits"),
      ("final_logit_softcapping", absent, "capped logits"),
      ("logit_scale", numbers(1), "scaled logits"),
      ("logits_scaling", numbers(1), "scaled logits"),
      ("embedding_multiplier", numbers(1), "scaled embeddings"),
      ("scale_emb", numbers(1), "scaled embeddings"),
      ("residual_multiplier", numbers(1), "scaled sublayers"),
      ("num_local_experts", numbers(0, 1), "a mixture of experts"),
      ("num_experts", numbers(0, 1), "a mixture of experts"),
      ("use_parallel_residual", truth(false), "parallel sublayers"),
      ("alibi", truth(false), "ALiBi positions"),
      ("add_cross_attention", truth(false), "attention to an encoder"),
    ]
    for (name, isNeutral, feature) in table where !computed.contains(name) {
      guard let value = present(name), !isNeutral(value) else { continue }
      throw unsupported(name, "\(feature) (\(value.brief))", mend: "use a model of this family without it")
    }
    for name in ["rope_scaling", "rope_parameters"] where !computed.contains("partial_rotary_factor") {
      guard case .object(let rotation)? = present(name), let part = rotation["partial_rotary_factor"],
        part.doubleValue != 1
      else { continue }
      throw unsupported(
        name, "rotation of a part of the head (\(part.brief))", mend: "use a model of this family without it")
    }
  }

  private func refuseQuantization() throws {
    guard let quantization = members["quantization_config"], !quantization.isAbsent else { return }
    if case .object(let members) = quantization,
      members["quant_method"]?.stringValue == "bitsandbytes",
      members["load_in_4bit"]?.boolValue == true, members["bnb_4bit_quant_type"]?.stringValue == "nf4"
    {
      return
    }
    throw unsupported(
      "quantization_config", "a checkpoint quantized otherwise than to NF4 by bitsandbytes",
      mend: "use the unquantized model, or a GGUF of it")
  }
}

extension GGUFKeys {
  /// Refuses keys of llama.cpp's that change what a model computes, unless their value leaves it as it is or the family
  /// computes it.
  /// - Parameter computed: the keys that the family reads itself, without the architecture
  /// - Throws: `FormatError` naming the first
  func refuseUncomputed(headDimension: Int, computed: Set<String> = []) throws {
    func numbers(_ neutral: Double...) -> (GGUFValue) -> Bool {
      { value in
        value.double.map { number in neutral.contains { abs($0 - number) <= 1e-6 * max(1, abs($0)) } }
          ?? false
      }
    }
    func truth(_ neutral: Bool) -> (GGUFValue) -> Bool { { $0.bool == neutral } }
    let scale = 1 / Double(headDimension).squareRoot()
    let isScaled = ["yarn", "longrope"].contains(value(own("rope.scaling.type"))?.string ?? "")
    let table: [(name: String, isNeutral: (GGUFValue) -> Bool, feature: String)] = [
      ("rope.scaling.attn_factor", { isScaled || numbers(0, 1)($0) }, "a factor of rotated attention"),
      ("rope.scaling.yarn_attn_factor", numbers(0, 1), "a factor of rotated attention"),
      ("rope.scaling.yarn_log_multiplier", numbers(0), "YaRN's factor"),
      ("rope.dimension_count", numbers(Double(headDimension)), "rotation of a part of the head"),
      ("attention.scale", numbers(0, scale), "another scale of attention"),
      ("attention.causal", truth(true), "attention that looks ahead"),
      ("attention.sliding_window", numbers(0), "attention within a window"),
      ("attention.clamp_kqv", numbers(0), "clamped queries, keys and values"),
      ("attention.max_alibi_bias", numbers(0), "ALiBi positions"),
      ("attention.temperature_scale", numbers(0, 1), "attention scaled by position"),
      ("attn_logit_softcapping", numbers(0), "capped attention logits"),
      ("final_logit_softcapping", numbers(0), "capped logits"),
      ("logit_scale", numbers(0, 1), "scaled logits"),
      ("embedding_scale", numbers(0, 1), "scaled embeddings"),
      ("residual_scale", numbers(0, 1), "scaled sublayers"),
      ("use_parallel_residual", truth(false), "parallel sublayers"),
      ("pooling_type", numbers(0), "a pooled output in place of a head"),
    ]
    for (name, isNeutral, feature) in table where !computed.contains(name) {
      guard let value = value(own(name)), !isNeutral(value) else { continue }
      throw unsupported(
        own(name), "\(feature) (\(value.brief))", mend: "use a model of this family without it")
    }
  }
}
