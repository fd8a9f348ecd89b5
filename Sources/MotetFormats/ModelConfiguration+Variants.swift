extension ModelConfiguration {
  /// Members of a `config.json` that change what a model computes, with the values that leave it a plain Llama.
  ///
  /// transformers passes over those that its own class of a model does not know; the programs that wrote them meant them.
  /// Sources: transformers' configurations of Llama's relatives (Mistral, Granite, Cohere, Gemma 2, SmolLM3, OLMo,
  /// Llama 4).
  static func refuseVariants(_ fields: ConfigurationFields, headDimension: Int, positions: Int) throws {
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
    let hasNoWindow = fields.members["use_sliding_window"] == .bool(false)
    let table: [(name: String, isNeutral: (JSONValue) -> Bool, feature: String)] = [
      ("sliding_window", { hasNoWindow || isWide($0) }, "attention within a window"),
      ("layer_types", everyLayer, "layers of several kinds"),
      ("no_rope_layers", allOnes, "layers without rotation"),
      ("attention_chunk_size", absent, "attention within chunks"),
      ("is_causal", truth(true), "attention that looks ahead"),
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
    for (name, isNeutral, feature) in table {
      guard let value = fields.present(name), !isNeutral(value) else { continue }
      throw fields.unsupported(name, "\(feature) (\(brief(value)))", mend: "use a plain Llama model")
    }
  }

  /// Members of `rope_scaling` or `rope_parameters` beside a type of `default` that say the opposite.
  static func refuseScaling(
    _ members: [String: JSONValue], in name: String, _ fields: ConfigurationFields
  ) throws {
    // A context length that nothing is scaled to changes nothing.
    let known: Set<String> = [
      "rope_type", "type", "rope_theta", "partial_rotary_factor", "original_max_position_embeddings",
    ]
    for (member, value) in members.sorted(by: { $0.key < $1.key })
    where !known.contains(member) && value != .null {
      if ["factor", "attention_factor"].contains(member), value.doubleValue == 1 { continue }
      throw fields.unsupported(
        name, "RoPE scaling with \(quoted(member)) (\(brief(value))) and no type of scaling",
        mend: "use a model with default rotary embeddings, or take \(quoted(member)) out if it is not scaled")
    }
  }

  private static func brief(_ value: JSONValue) -> String {
    let text = value.text()
    return text.count > 40 ? text.prefix(40) + "…" : text
  }
}

extension GGUFValue {
  /// A number or a truth value as text, or what else it is.
  var brief: String {
    if let bool { return "\(bool)" }
    if let double { return "\(double)" }
    return string.map(quoted) ?? "a list"
  }
}
