import Foundation
import MotetTensor
import Testing

@testable import MotetFormats
@testable import MotetModels

@Suite struct ConfigurationTests {
  /// A sound `config.json`, with some members replaced (null removes nothing: it is a value).
  private func json(_ changes: [String: JSONValue]) -> Data {
    let sound: [String: JSONValue] = [
      "model_type": .string("llama"), "hidden_size": .int(576), "intermediate_size": .int(1536),
      "num_hidden_layers": .int(30), "num_attention_heads": .int(9), "num_key_value_heads": .int(3),
      "vocab_size": .int(49152), "rope_theta": .int(100_000), "rms_norm_eps": .double(1e-5),
      "max_position_embeddings": .int(8192), "tie_word_embeddings": .bool(true),
    ]
    return Data(JSONValue.object(sound.merging(changes) { $1 }).text().utf8)
  }

  @Test func readsWhatTransformersWrote() throws {
    let model = try ModelDescription(huggingFace: Fixtures.url("sharded/config.json"))
    let expected = ModelConfiguration(
      modelType: "llama", hiddenSize: 16, layers: 2, vocabulary: 40, maximumPositions: 64,
      tieWordEmbeddings: false, bosToken: 1, eosTokens: [2])
    #expect(model.configuration == expected)
    #expect(model.attentionShape == AttentionShape(heads: 4, kvHeads: 2, headDimension: 4))
    #expect(model.layers[1].feedForward.output.inputs == 24)
    #expect(model.rotations == [RotaryRule(theta: 50000, dimensions: 4)])
    #expect(model.finalNorm.epsilon == 1e-5)
  }

  @Test func readsTheOlderForm() throws {
    try withFile(json(["rope_scaling": .null, "eos_token_id": .array([.int(2), .int(7)])])) { url in
      let model = try ModelDescription(huggingFace: url)
      #expect(model.rotations[0].theta == 100_000)
      #expect(model.attentionShape.headDimension == 64)
      #expect(model.configuration.eosTokens == [2, 7])
    }
  }

  @Test func readsBackWhatItWrote() throws {
    try withFile(json(["bos_token_id": .int(1), "eos_token_id": .array([.int(2), .int(3)])])) { url in
      let model = try ModelDescription(huggingFace: url)
      try withFile(model.huggingFaceJSON(type: .bf16)) { url in
        let again = try ModelDescription(huggingFace: url)
        #expect(again.configuration == model.configuration)
        #expect(again.layers == model.layers && again.rotations == model.rotations)
      }
    }
  }

  static let wrong: [(member: String, value: JSONValue, says: String)] = [
    ("model_type", .string("bert"), "architecture 'bert'"),
    ("attention_bias", .int(1), "neither true nor false"),
    ("hidden_act", .string("gelu"), "another activation (\"gelu\")"),
    ("rope_scaling", .object(["rope_type": .string("llama3")]), "'rope_scaling.low_freq_factor'"),
    ("rope_scaling", .object(["type": .string("linear")]), "'rope_scaling.factor': it is missing"),
    ("rope_scaling", .object(["type": .string("linear"), "factor": .int(0)]), "0.0 is not positive"),
    ("rope_scaling", .object(["type": .string("longrope"), "short_factor": .int(1)]), "not a list"),
    ("rope_parameters", .object(["rope_type": .string("spiral")]), "'spiral'"),
    ("rope_parameters", .array([]), "not an object"),
    ("rope_parameters", .object(["partial_rotary_factor": .double(0.5)]), "part of the head"),
    ("quantization_config", .object(["bits": .int(4)]), "quantized"),
    ("num_key_value_heads", .int(2), "not a multiple"), ("num_key_value_heads", .int(0), "0 is not within"),
    ("num_hidden_layers", .int(-1), "-1 is not within"), ("num_hidden_layers", .int(1 << 40), "not within"),
    ("num_attention_heads", .int(0), "0 heads"), ("hidden_size", .string("many"), "no whole number"),
    ("hidden_size", .double(1.5), "no whole number"), ("vocab_size", .null, "missing"),
    ("rope_theta", .int(0), "not a number above 1"), ("rms_norm_eps", .int(7), "RMSNorm epsilon"),
    ("head_dim", .int(63), "odd"), ("eos_token_id", .int(49152), "not in the vocabulary"),
    ("tie_word_embeddings", .int(1), "neither true nor false"),
  ]

  @Test(arguments: wrong.indices) func refusesWhatItCannotCompute(index: Int) throws {
    let (member, value, says) = Self.wrong[index]
    try withFile(json([member: value])) { url in
      let message = refusal { _ = try ModelDescription(huggingFace: url) }
      #expect(message.contains(says) && message.hasPrefix(url.path), "\(message)")
    }
  }

  @Test func saysWhereJSONIsDamaged() throws {
    let damaged: [(text: String, says: String)] = [
      ("{\"a\": 1,}", "byte 8"), ("{\"a\": 1", "ends too early"), ("{\"a\": nul}", "a value"),
      ("{\"a\": \"b\nc\"}", "control character"), ("{\"a\": \"\\ud800x\"}", "surrogate"),
      ("", "ends too early"),
      ("{\"a\": 01}", "a number"), ("{\"a\": \"\\q\"}", "unknown escape"), ("[1]", "an object"),
      ("{\"a\": 1, \"a\": 2}", "twice"), ("{\"a\": 1e999}", "a number"),
      ("{\"a\": \"\\u12G4\"}", "hexadecimal"),
    ]
    for (text, says) in damaged {
      try withFile(Data(text.utf8)) { url in
        let message = refusal { _ = try JSONValue.object(contentsOf: url) }
        #expect(message.contains(says), "\(text): \(message)")
      }
    }
    try withFile(Data("{\"a\": \"\u{0}\u{FF}".utf8) + Data([0xFF])) { url in
      _ = refusal { _ = try JSONValue.object(contentsOf: url) }
    }
  }

  @Test func readsJSONAsItIsMeant() throws {
    let text = """
      {"a": [1, -2.5, 1e3, 9223372036854775807, 9223372036854775808], "b": {"c": [], "d": {}},
       "e": "\\u00e9\\n\\ud83d\\ude42\\"/", "f": [true, false, null]}
      """
    try withFile(Data(text.utf8)) { url in
      let root = try JSONValue.object(contentsOf: url)
      #expect(
        root["a"]
          == .array([.int(1), .double(-2.5), .double(1000), .int(.max), .double(9_223_372_036_854_775_808)]))
      #expect(root["b"] == .object(["c": .array([]), "d": .object([:])]))
      #expect(root["e"] == .string("é\n🙂\"/"))
      #expect(root["f"] == .array([.bool(true), .bool(false), .null]))
      try withFile(Data(JSONValue.object(root).text(indent: 2).utf8)) { again in
        let same = try JSONValue.object(contentsOf: again)
        #expect(same == root)
      }
    }
  }
}
