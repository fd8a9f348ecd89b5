import Foundation
import Testing

@testable import MotetFormats
@testable import MotetModels

/// Relatives of Llama under its name: what changes the computation is refused, and its neutral values are not.
@Suite struct VariantTests {
  private func huggingFace(_ changes: [String: JSONValue]) -> Data {
    let sound: [String: JSONValue] = [
      "model_type": .string("llama"), "hidden_size": .int(64), "intermediate_size": .int(96),
      "num_hidden_layers": .int(2), "num_attention_heads": .int(4), "vocab_size": .int(288),
      "max_position_embeddings": .int(128),
    ]
    return Data(JSONValue.object(sound.merging(changes) { $1 }).text().utf8)
  }

  static let refused: [(member: String, value: JSONValue, says: String)] = [
    ("rope_scaling", .object(["factor": .double(2)]), "'factor' (2.0) and no type"),
    ("rope_scaling", .object(["type": .string("default"), "low_freq_factor": .int(1)]), "low_freq_factor"),
    ("rope_parameters", .object(["rope_theta": .int(10_000), "factor": .int(4)]), "'factor'"),
    ("rope_parameters", .object(["full_attention": .object(["rope_theta": .int(1)])]), "full_attention"),
    ("sliding_window", .int(64), "within a window (64)"),
    ("layer_types", .array([.string("full_attention"), .string("sliding_attention")]), "several kinds"),
    ("no_rope_layers", .array([.int(1), .int(0)]), "without rotation"),
    ("attention_multiplier", .double(0.0156), "scale of attention"),
    ("query_pre_attn_scalar", .int(256), "scale of attention"), ("logit_scale", .double(0.0625), "logits"),
    ("logits_scaling", .int(8), "logits"), ("embedding_multiplier", .int(12), "embeddings"),
    ("residual_multiplier", .double(0.22), "sublayers"),
    ("final_logit_softcapping", .double(30), "capped logits"),
    ("attn_logit_softcapping", .double(50), "capped attention"), ("use_qk_norm", .bool(true), "norms of"),
    ("clip_qkv", .double(8), "clamped"), ("num_local_experts", .int(8), "experts"),
    ("is_causal", .bool(false), "looks ahead"),
  ]

  @Test(arguments: refused.indices) func aMemberThatChangesTheComputationIsRefused(index: Int) throws {
    let (member, value, says) = Self.refused[index]
    try withFile(huggingFace([member: value])) { url in
      let message = refusal { _ = try ModelDescription(huggingFace: url) }
      #expect(message.contains(says) && message.contains("'\(member)"), "\(message)")
    }
  }

  @Test func neutralValuesAreTaken() throws {
    let neutral: [String: JSONValue] = [
      "rope_scaling": .null, "sliding_window": .int(128), "layer_types": .array([.string("full_attention")]),
      "rope_parameters": .object([
        "rope_type": .string("default"), "rope_theta": .int(5000), "factor": .double(1),
        "original_max_position_embeddings": .int(64),
      ]), "attention_multiplier": .double(0.25), "query_pre_attn_scalar": .int(16),
      "logits_scaling": .int(1), "residual_multiplier": .double(1), "final_logit_softcapping": .null,
      "use_qk_norm": .bool(false), "num_local_experts": .int(1), "use_cache": .bool(true),
      "pretraining_tp": .int(1),
    ]
    try withFile(huggingFace(neutral)) { url in
      let found = try ModelDescription(huggingFace: url).rotations[0].theta
      #expect(found == 5000)
    }
    try withFile(huggingFace(["sliding_window": .int(8), "use_sliding_window": .bool(false)])) { url in
      let found = try ModelDescription(huggingFace: url).configuration.maximumPositions
      #expect(found == 128)
    }
  }

  private enum Value {
    case integer(UInt32)
    case number(Float)
    case truth(Bool)
    case text(String)
  }

  /// A header of the llama architecture, with these keys beside the ones it must have.
  private func gguf(
    _ more: [(String, Value)], factors: [Float] = [], tensor: String = "rope_freqs.weight"
  ) -> Data {
    let needed: [(String, Value)] = [
      ("general.architecture", .text("llama")), ("llama.embedding_length", .integer(64)),
      ("llama.attention.head_count", .integer(4)), ("llama.feed_forward_length", .integer(96)),
      ("llama.block_count", .integer(2)), ("llama.attention.layer_norm_rms_epsilon", .number(1e-5)),
      ("llama.context_length", .integer(128)), ("llama.vocab_size", .integer(288)),
    ]
    var bytes = GGUFBytes(tensors: factors.isEmpty ? 0 : 1, pairs: UInt64(needed.count + more.count))
    for (key, value) in needed + more {
      bytes.add(key)
      switch value {
      case .integer(let value):
        bytes.add(UInt32(4))
        bytes.add(value)
      case .number(let value):
        bytes.add(UInt32(6))
        bytes.add(value.bitPattern)
      case .truth(let value):
        bytes.add(UInt32(7))
        bytes.add(UInt8(value ? 1 : 0))
      case .text(let value):
        bytes.add(UInt32(8))
        bytes.add(value)
      }
    }
    if !factors.isEmpty {
      bytes.tensor(tensor, [UInt64(factors.count)], type: 0, offset: 0)
    }
    var file = bytes.file()
    for factor in factors {
      withUnsafeBytes(of: factor.bitPattern.littleEndian) { file.append(contentsOf: $0) }
    }
    return file
  }

  @Test func aKeyOfAGGUFThatChangesTheComputationIsRefused() throws {
    let refused: [(key: String, value: Value, says: String)] = [
      ("rope.scaling.type", .text("spiral"), "'spiral'"),
      ("rope.scaling.attn_factor", .number(0.5), "factor"),
      ("attention.scale", .number(0.1), "scale of attention"), ("attention.causal", .truth(false), "ahead"),
      ("logit_scale", .number(0.0625), "scaled logits"), ("embedding_scale", .number(12), "embeddings"),
      ("residual_scale", .number(0.22), "sublayers"), ("attention.clamp_kqv", .number(8), "clamped"),
      ("final_logit_softcapping", .number(30), "capped"), ("expert_count", .integer(8), "experts"),
    ]
    for (key, value, says) in refused {
      try withFile(gguf([("llama." + key, value)])) { url in
        let message = refusal { _ = try ModelDescription(gguf: GGUFFile(contentsOf: url)) }
        #expect(message.contains(says) && message.contains("'llama.\(key)'"), "\(message)")
      }
    }
  }

  @Test func aGGUFsRotationIsReadHoweverItIsScaled() throws {
    func rotation(_ more: [(String, Value)], factors: [Float] = []) throws -> RotaryRule {
      try withFile(gguf(more, factors: factors)) { url in
        try ModelDescription(gguf: GGUFFile(contentsOf: url)).rotations[0]
      }
    }
    #expect(try rotation([("llama.rope.scaling.factor", .number(2))]).scaling == .linear(factor: 2))
    #expect(try rotation([("llama.rope.scale_linear", .number(4))]).scaling == .linear(factor: 4))
    let yarn = try rotation([
      ("llama.rope.scaling.type", .text("yarn")), ("llama.rope.scaling.factor", .number(4)),
      ("llama.rope.scaling.original_context_length", .integer(32)),
    ])
    #expect(yarn.scaling == .yarn(RotaryRule.Yarn(factor: 4, original: 32)))
    // Divisors that are no known scaling's are taken as they are.
    let divisors = try rotation([], factors: [1, 1, 2, 2, 3, 3, 4, 9])
    #expect(
      divisors.scaling == .longrope(short: [1, 1, 2, 2, 3, 3, 4, 9], original: 128))
    #expect(divisors.factor == 1)
  }

  @Test func neutralKeysOfAGGUFAreTaken() throws {
    let neutral: [(String, Value)] = [
      ("llama.rope.scaling.type", .text("none")), ("llama.rope.scaling.factor", .number(2)),
      ("llama.attention.scale", .number(0.25)), ("llama.attention.causal", .truth(true)),
      ("llama.logit_scale", .number(1)), ("llama.rope.scaling.finetuned", .truth(false)),
    ]
    try withFile(gguf(neutral, factors: [1, 1, 1])) { url in
      let found = try ModelDescription(gguf: GGUFFile(contentsOf: url)).configuration.hiddenSize
      #expect(found == 64)
    }
    for factor in [Float(0), 1] {
      try withFile(gguf([("llama.rope.scaling.factor", .number(factor))])) { url in
        let found = try ModelDescription(gguf: GGUFFile(contentsOf: url)).configuration.layers
        #expect(found == 2)
      }
    }
  }

  @Test func aGGUFIsTiedWhereItHasNoHeadOfItsOwn() throws {
    for (tensor, isTied) in [("output.weight", false), ("token_embd.bias", true)] {
      try withFile(gguf([], factors: [1], tensor: tensor)) { url in
        let configuration = try ModelDescription(gguf: GGUFFile(contentsOf: url)).configuration
        #expect(configuration.tieWordEmbeddings == isTied)
      }
    }
    try withFile(gguf([("general.type", .text("adapter"))])) { url in
      let message = refusal { _ = try ModelDescription(gguf: GGUFFile(contentsOf: url)) }
      #expect(message.contains("of type 'adapter'"), "\(message)")
    }
  }
}
