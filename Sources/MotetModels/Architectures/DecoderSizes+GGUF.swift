import MotetFormats

extension DecoderSizes {
  /// What most families' GGUF metadata says, as members of a `config.json`. A family adds its own.
  ///
  /// Source: gguf.md, "LLM" keys. The head is tied when there is no `output.weight`.
  /// - Parameter type: the `model_type`
  static func members(_ keys: GGUFKeys, type: String, className: String) throws -> [String: JSONValue] {
    let hidden = try keys.int(keys.own("embedding_length"))
    let heads = try keys.int(keys.own("attention.head_count"))
    guard heads > 0 else { throw keys.malformed(keys.own("attention.head_count"), "it is not positive") }
    let headDimension = try keys.int(keys.own("attention.key_length"), or: hidden / heads)
    try refuseOtherWidths(keys, headDimension: headDimension)
    let eos = try eosTokens(keys)
    return [
      "model_type": .string(type), "architectures": .array([.string(className)]),
      "hidden_size": .int(hidden),
      "intermediate_size": .int(try keys.int(keys.own("feed_forward_length"))),
      "num_hidden_layers": .int(try keys.int(keys.own("block_count"))),
      "num_attention_heads": .int(heads),
      "num_key_value_heads": .int(try keys.int(keys.own("attention.head_count_kv"), or: heads)),
      "head_dim": .int(headDimension), "vocab_size": .int(try vocabulary(keys)),
      "max_position_embeddings": .int(try keys.int(keys.own("context_length"))),
      "tie_word_embeddings": .bool(!keys.file.contains("output.weight")),
      "attention_dropout": .double(0), "use_cache": .bool(true), "initializer_range": .double(0.02),
      "bos_token_id": try keys.optionalInt("tokenizer.ggml.bos_token_id").map { .int($0) } ?? .null,
      "eos_token_id": JSONValue.tokens(eos),
      "pad_token_id": try keys.optionalInt("tokenizer.ggml.padding_token_id").map { .int($0) } ?? .null,
    ]
  }

  /// `rms_norm_eps`.
  static func epsilon(_ keys: GGUFKeys) throws -> JSONValue {
    .double(try keys.double(keys.own("attention.layer_norm_rms_epsilon")))
  }

  private static func vocabulary(_ keys: GGUFKeys) throws -> Int {
    // The embedding's rows are what counts: the metadata of some files names the tokenizer's size.
    if let embedding = try? keys.file.tensor("token_embd.weight"), embedding.shape.count == 2 {
      return embedding.shape[0]
    }
    return try keys.int(keys.own("vocab_size"))
  }

  private static func eosTokens(_ keys: GGUFKeys) throws -> [Int] {
    let names = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
    var tokens: [Int] = []
    for token in try names.compactMap({ try keys.optionalInt($0) }) where !tokens.contains(token) {
      tokens.append(token)
    }
    return tokens
  }

  private static func refuseOtherWidths(_ keys: GGUFKeys, headDimension: Int) throws {
    let values = keys.own("attention.value_length")
    if try keys.int(values, or: headDimension) != headDimension {
      throw keys.unsupported(
        values, "values of another width than keys", mend: "use a model with equal widths")
    }
    let experts = keys.own("expert_count")
    if try keys.int(experts, or: 0) != 0 {
      throw keys.unsupported(experts, "a mixture of experts", mend: "use a dense model")
    }
  }
}

extension JSONValue {
  /// Token ids as `config.json` has them: null, one, or a list.
  static func tokens(_ tokens: [Int]) -> JSONValue {
    switch tokens.count {
    case 0: .null
    case 1: .int(tokens[0])
    default: .array(tokens.map { .int($0) })
    }
  }
}
