import Foundation

extension ModelConfiguration {
  /// Reads `config.json` at `huggingFace`. Defaults are those of transformers' `LlamaConfig`.
  /// Throws ``FormatError`` for a missing or impossible part, or one we do not compute.
  public init(huggingFace url: URL) throws {
    let fields = ConfigurationFields(file: url.path, members: try JSONValue.object(contentsOf: url))
    let architecture = try fields.string("model_type")
    guard Self.architectures.contains(architecture) else {
      throw fields.unsupported(
        "model_type", "the architecture \(quoted(architecture))",
        mend: "use a model of type \(Self.architectures.sorted().joined(separator: ", "))")
    }
    try Self.refuseUncomputed(fields)
    let heads = try fields.int("num_attention_heads")
    let hiddenSize = try fields.int("hidden_size")
    let headDimension = try fields.int("head_dim", or: Self.headDimension(hiddenSize, heads, fields))
    let positions = try fields.int("max_position_embeddings", or: 2048)
    try Self.refuseVariants(fields, headDimension: headDimension, positions: positions)
    try self.init(
      architecture: architecture, hiddenSize: hiddenSize,
      intermediateSize: try fields.int("intermediate_size"), layers: try fields.int("num_hidden_layers"),
      heads: heads, kvHeads: try fields.int("num_key_value_heads", or: heads),
      headDimension: headDimension,
      vocabulary: try fields.int("vocab_size"), ropeTheta: try Self.ropeTheta(fields),
      rmsNormEpsilon: try fields.double("rms_norm_eps", or: 1e-6),
      maximumPositions: positions,
      tieWordEmbeddings: try fields.bool("tie_word_embeddings", or: false),
      bosToken: try fields.tokens("bos_token_id").first, eosTokens: try fields.tokens("eos_token_id"),
      padToken: try fields.tokens("pad_token_id").first, file: url.path)
  }

  private static func headDimension(
    _ hiddenSize: Int, _ heads: Int, _ fields: ConfigurationFields
  ) throws -> Int {
    guard heads > 0, hiddenSize % heads == 0 else {
      throw fields.malformed("hidden_size", "\(hiddenSize) is no multiple of \(heads) heads")
    }
    return hiddenSize / heads
  }

  private static func refuseUncomputed(_ fields: ConfigurationFields) throws {
    for name in ["attention_bias", "mlp_bias"] where try fields.bool(name, or: false) {
      throw fields.unsupported(name, "a bias in the linear layers", mend: "use a model without")
    }
    let activation = fields.members["hidden_act"]?.stringValue ?? "silu"
    guard ["silu", "swish"].contains(activation) else {
      throw fields.unsupported(
        "hidden_act", "the activation \(quoted(activation))", mend: "use a model with silu")
    }
    if let quantization = fields.members["quantization_config"], !quantization.isAbsent,
      !isNF4(quantization)
    {
      throw fields.unsupported(
        "quantization_config", "a checkpoint quantized otherwise than to NF4 by bitsandbytes",
        mend: "use the unquantized model, or a GGUF of it")
    }
    if let partial = fields.members["partial_rotary_factor"]?.doubleValue, partial != 1 {
      throw fields.unsupported(
        "partial_rotary_factor", "rotation of a part of the head", mend: "use a Llama model")
    }
    if fields.members["rope_interleaved"]?.boolValue == true {
      throw fields.unsupported("rope_interleaved", "interleaved rotation", mend: "use a Llama model")
    }
  }

  private static func isNF4(_ quantization: JSONValue) -> Bool {
    guard case .object(let members) = quantization else { return false }
    return members["quant_method"]?.stringValue == "bitsandbytes"
      && members["load_in_4bit"]?.boolValue == true
      && members["bnb_4bit_quant_type"]?.stringValue == "nf4"
  }

  /// transformers 4 writes `rope_theta` and `rope_scaling`, transformers 5 `rope_parameters` with both inside.
  private static func ropeTheta(_ fields: ConfigurationFields) throws -> Double {
    var theta = try fields.double("rope_theta", or: 10_000)
    for name in ["rope_scaling", "rope_parameters"] {
      guard let value = fields.members[name], value != .null else { continue }
      guard case .object(let members) = value else { throw fields.malformed(name, "it is no object") }
      let type = (members["rope_type"] ?? members["type"])?.stringValue ?? "default"
      guard type == "default" else {
        throw fields.unsupported(
          name, "RoPE scaling of type \(quoted(type))", mend: "use a model with default rotary embeddings")
      }
      try refuseScaling(members, in: name, fields)
      let partial = members["partial_rotary_factor"]?.doubleValue ?? 1
      guard partial == 1 else {
        throw fields.unsupported(name, "rotation of a part of the head", mend: "use a Llama model")
      }
      if let inner = members["rope_theta"]?.doubleValue { theta = inner }
    }
    return theta
  }

  /// A `config.json` that transformers (4 and 5) loads as `LlamaForCausalLM`.
  /// - Parameters:
  ///   - type: what the weights beside it are stored in; nil leaves that to the reader
  ///   - isNF4: whether the linear layers beside it are in NF4
  public func huggingFaceJSON(type: ElementType? = nil, isNF4: Bool = false) -> Data {
    var members: [String: JSONValue] = [
      "architectures": .array([.string("LlamaForCausalLM")]),
      "model_type": .string(architecture),
      "hidden_act": .string("silu"),
      "hidden_size": .int(hiddenSize),
      "intermediate_size": .int(intermediateSize),
      "num_hidden_layers": .int(layers),
      "num_attention_heads": .int(heads),
      "num_key_value_heads": .int(kvHeads),
      "head_dim": .int(headDimension),
      "vocab_size": .int(vocabulary),
      "rope_theta": .double(ropeTheta),
      "rope_scaling": .null,
      "rope_parameters": .object(["rope_theta": .double(ropeTheta), "rope_type": .string("default")]),
      "rms_norm_eps": .double(rmsNormEpsilon),
      "max_position_embeddings": .int(maximumPositions),
      "tie_word_embeddings": .bool(tieWordEmbeddings),
      "attention_bias": .bool(false),
      "attention_dropout": .double(0),
      "mlp_bias": .bool(false),
      "pretraining_tp": .int(1),
      "use_cache": .bool(true),
      "initializer_range": .double(0.02),
      "bos_token_id": bosToken.map { .int($0) } ?? .null,
      "eos_token_id": Self.tokens(eosTokens),
      "pad_token_id": padToken.map { .int($0) } ?? .null,
    ]
    if isNF4 { members["quantization_config"] = StoredNF4.configuration }
    let names: [ElementType: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16"]
    if let name = type.flatMap({ names[$0] }) {
      members["dtype"] = .string(name)
      members["torch_dtype"] = .string(name)
    }
    return Data((JSONValue.object(members).text(indent: 2) + "\n").utf8)
  }

  /// A `generation_config.json`: the tokens that begin, end and pad.
  public func generationJSON() -> Data {
    let members: [String: JSONValue] = [
      "bos_token_id": bosToken.map { .int($0) } ?? .null,
      "eos_token_id": Self.tokens(eosTokens),
      "pad_token_id": padToken.map { .int($0) } ?? .null,
    ]
    return Data((JSONValue.object(members).text(indent: 2) + "\n").utf8)
  }

  private static func tokens(_ tokens: [Int]) -> JSONValue {
    switch tokens.count {
    case 0: .null
    case 1: .int(tokens[0])
    default: .array(tokens.map { .int($0) })
    }
  }
}
