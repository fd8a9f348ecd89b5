extension ModelConfiguration {
  /// Reads the configuration from a GGUF file's metadata and tensor names.
  /// Throws ``FormatError`` for a missing or impossible part, or one we do not compute.
  ///
  /// Source: gguf.md, "LLM" keys. The head is tied when there is no `output.weight`.
  public init(gguf: GGUFFile) throws {
    let keys = GGUFKeys(gguf)
    let architecture = try keys.string("general.architecture")
    guard Self.architectures.contains(architecture) else {
      throw keys.unsupported(
        "general.architecture", "the architecture \(quoted(architecture))",
        mend: "use a model of type \(Self.architectures.sorted().joined(separator: ", "))")
    }
    // What else llama.cpp keeps in this format.
    if let type = gguf.metadata["general.type"]?.string, type != "model" {
      throw keys.unsupported(
        "general.type", "a file of type \(quoted(type)) as a base", mend: "name the GGUF of the model itself")
    }
    func key(_ name: String) -> String { architecture + "." + name }
    let hiddenSize = try keys.int(key("embedding_length"))
    let heads = try keys.int(key("attention.head_count"))
    guard heads > 0 else { throw keys.malformed(key("attention.head_count"), "it is not positive") }
    let headDimension = try keys.int(key("attention.key_length"), or: hiddenSize / heads)
    try Self.refuseUncomputed(gguf, keys, architecture: architecture, headDimension: headDimension)
    try self.init(
      architecture: architecture, hiddenSize: hiddenSize,
      intermediateSize: try keys.int(key("feed_forward_length")),
      layers: try keys.int(key("block_count")), heads: heads,
      kvHeads: try keys.int(key("attention.head_count_kv"), or: heads), headDimension: headDimension,
      vocabulary: try Self.vocabulary(gguf, keys, architecture: architecture),
      ropeTheta: try keys.double(key("rope.freq_base"), or: 10_000),
      rmsNormEpsilon: try keys.double(key("attention.layer_norm_rms_epsilon")),
      maximumPositions: try keys.int(key("context_length")),
      tieWordEmbeddings: !gguf.contains("output.weight"),
      bosToken: try keys.optionalInt("tokenizer.ggml.bos_token_id"),
      eosTokens: try Self.eosTokens(keys),
      padToken: try keys.optionalInt("tokenizer.ggml.padding_token_id"), file: gguf.path)
  }

  private static func vocabulary(_ gguf: GGUFFile, _ keys: GGUFKeys, architecture: String) throws -> Int {
    // The embedding's rows are what counts: the metadata of some files names the tokenizer's size.
    if let embedding = try? gguf.tensor("token_embd.weight"), embedding.shape.count == 2 {
      return embedding.shape[0]
    }
    return try keys.int(architecture + ".vocab_size")
  }

  private static func eosTokens(_ keys: GGUFKeys) throws -> [Int] {
    let names = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
    var tokens: [Int] = []
    for token in try names.compactMap({ try keys.optionalInt($0) }) where !tokens.contains(token) {
      tokens.append(token)
    }
    return tokens
  }

  private static func refuseUncomputed(
    _ gguf: GGUFFile, _ keys: GGUFKeys, architecture: String, headDimension: Int
  ) throws {
    try refuseScaledRotation(gguf, keys, architecture: architecture)
    for (name, neutral, feature) in uncomputed(headDimension: headDimension) {
      let key = architecture + "." + name
      guard let value = gguf.metadata[key], !neutral(value) else { continue }
      throw keys.unsupported(key, "\(feature) (\(value.brief))", mend: "use a plain Llama model")
    }
    if let name = gguf.names.first(where: { $0.hasPrefix("blk.") && $0.hasSuffix(".bias") }) {
      throw keys.unsupported(name, "a bias in the linear layers", mend: "use a model without")
    }
    let rotated = architecture + ".rope.dimension_count"
    if try keys.int(rotated, or: headDimension) != headDimension {
      throw keys.unsupported(rotated, "rotation of a part of the head", mend: "use a Llama model")
    }
    let valueLength = architecture + ".attention.value_length"
    if try keys.int(valueLength, or: headDimension) != headDimension {
      throw keys.unsupported(valueLength, "values of another width than keys", mend: "use a Llama model")
    }
    let experts = architecture + ".expert_count"
    if try keys.int(experts, or: 0) != 0 {
      throw keys.unsupported(experts, "a mixture of experts", mend: "use a dense Llama model")
    }
  }

  /// llama.cpp takes a factor without a type for linear scaling (`llama_model::load_hparams`), and `rope.scale_linear`
  /// is that factor's older name.
  private static func refuseScaledRotation(_ gguf: GGUFFile, _ keys: GGUFKeys, architecture: String) throws {
    let mend = "use a model with default rotary embeddings"
    let scaling = architecture + ".rope.scaling.type"
    let type = gguf.metadata[scaling]?.string
    if let type, type != "none" {
      throw keys.unsupported(scaling, "RoPE scaling of type \(quoted(type))", mend: mend)
    }
    for name in ["rope.scaling.factor", "rope.scale_linear"] where type == nil {
      let key = architecture + "." + name
      let factor = try keys.double(key, or: 1)
      // 0 is llama.cpp's "not given".
      guard factor != 0, factor != 1 else { continue }
      throw keys.unsupported(key, "linear RoPE scaling by \(factor)", mend: mend)
    }
    for name in gguf.names where name.hasPrefix("rope_") {
      // Divisors of the frequencies: of Llama 3.1 and the like, but some converters write ones.
      guard try !gguf.tensor(name).floats().allSatisfy({ $0 == 1 }) else { continue }
      throw keys.unsupported(name, "RoPE scaling by stored frequencies", mend: mend)
    }
  }

  /// Keys of llama.cpp's that change what a model computes, with the values that leave it a plain Llama.
  private static func uncomputed(
    headDimension: Int
  ) -> [(name: String, isNeutral: (GGUFValue) -> Bool, feature: String)] {
    func numbers(_ neutral: Double...) -> (GGUFValue) -> Bool {
      { value in
        value.double.map { number in
          neutral.contains { abs($0 - number) <= 1e-6 * max(1, abs($0)) }
        } ?? false
      }
    }
    func truth(_ neutral: Bool) -> (GGUFValue) -> Bool { { $0.bool == neutral } }
    let scale = 1 / Double(headDimension).squareRoot()
    return [
      ("rope.scaling.attn_factor", numbers(0, 1), "a factor of rotated attention"),
      ("rope.scaling.yarn_attn_factor", numbers(0, 1), "a factor of rotated attention"),
      ("rope.scaling.yarn_log_multiplier", numbers(0), "YaRN's factor"),
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
  }
}

/// GGUF metadata, taken out by key and type with an error that names both.
private struct GGUFKeys {
  let file: GGUFFile

  init(_ file: GGUFFile) { self.file = file }

  func malformed(_ key: String, _ problem: String) -> FormatError {
    .malformed(
      file: file.path, place: quoted(key), problem: problem,
      mend: "convert the model again with a current llama.cpp")
  }

  func unsupported(_ key: String, _ feature: String, mend: String) -> FormatError {
    .unsupported(file: file.path, place: quoted(key), feature: feature, mend: mend)
  }

  func string(_ key: String) throws -> String {
    guard let value = file.metadata[key]?.string else { throw malformed(key, "it is missing or no string") }
    return value
  }

  /// An integer, or a list that gives every layer the same one.
  func int(_ key: String) throws -> Int {
    guard let value = file.metadata[key] else { throw malformed(key, "it is missing") }
    if let number = value.int { return number }
    guard let numbers = value.ints, let first = numbers.first else {
      throw malformed(key, "it is no integer")
    }
    guard numbers.allSatisfy({ $0 == first }) else {
      throw unsupported(key, "a size that differs from layer to layer", mend: "use a Llama model")
    }
    return first
  }

  func int(_ key: String, or fallback: Int) throws -> Int {
    file.metadata[key] == nil ? fallback : try int(key)
  }

  func optionalInt(_ key: String) throws -> Int? { file.metadata[key] == nil ? nil : try int(key) }

  func double(_ key: String) throws -> Double {
    guard let value = file.metadata[key]?.double else { throw malformed(key, "it is missing or no number") }
    return value
  }

  func double(_ key: String, or fallback: Double) throws -> Double {
    file.metadata[key] == nil ? fallback : try double(key)
  }
}
