import Foundation
import MotetFormats
import Testing

@testable import MotetTokenizers

/// Single steps of tokenizers, and what `Tests/Fixtures/tokenizer_kinds.py` had Hugging Face `tokenizers` do with them.
@Suite struct PipelineStepTests {
  struct Expected: Decodable {
    struct Step<Output: Decodable>: Decodable {
      /// The step as `tokenizer.json` writes it.
      let step: String
      let outputs: [Output]

      func fields() throws -> StepFields {
        try StepFields(JSONText(Array(step.utf8), name: "step").value(), path: "", file: "")
      }
    }

    let texts: [String]
    let tokens: [[String]]
    let normalizers: [Step<String>]
    let splitters: [Step<[String]>]
    let decoders: [Step<String>]
  }

  static func expected() throws -> Expected {
    try TokenizerFixtures.read("tokenizer-steps.json", as: Expected.self)
  }

  @Test func normalizersRewriteAsTheReferenceDoes() throws {
    let expected = try Self.expected()
    try #require(expected.normalizers.count >= 20)
    for step in expected.normalizers {
      let normalizers = try normalizerKinds.read(step.fields())
      for (text, output) in zip(expected.texts, step.outputs) {
        let result = Self.normalized(text, by: normalizers)
        #expect(
          result.utf8.elementsEqual(output.utf8), "\(step.step.prefix(200)) of \(text.debugDescription)")
      }
      #expect(
        try normalizerKinds.read(StepFields(normalizerKinds.json(normalizers), path: "", file: "")).count
          == normalizers.count)
    }
  }

  @Test func splittersCutAsTheReferenceDoes() throws {
    let expected = try Self.expected()
    try #require(expected.splitters.count >= 60)
    for step in expected.splitters {
      let splitters = try splitterKinds.read(step.fields())
      for (text, output) in zip(expected.texts, step.outputs) {
        let result = Self.pieces(of: text, by: splitters)
        #expect(
          result.count == output.count && zip(result, output).allSatisfy { $0.utf8.elementsEqual($1.utf8) },
          "\(step.step) of \(text.debugDescription)")
      }
    }
  }

  @Test func decodersJoinAsTheReferenceDoes() throws {
    let expected = try Self.expected()
    try #require(expected.decoders.count >= 15)
    for step in expected.decoders {
      let chain = DecodingChain(try decoderKinds.read(step.fields()))
      for (tokens, output) in zip(expected.tokens, step.outputs) {
        #expect(Self.decoded(tokens, by: chain) == Array(output.utf8), "\(step.step) of \(tokens)")
      }
    }
  }

  static func normalized(_ text: String, by normalizers: [any Normalizer]) -> String {
    String(decoding: normalizers.reduce(AlignedText(text.utf8)) { $1.normalize($0) }.bytes, as: UTF8.self)
  }

  static func pieces(of text: String, by splitters: [any Splitter]) -> [String] {
    var words = Words(AlignedText(text.utf8))
    for splitter in splitters { splitter.split(&words) }
    words.spellOut()
    return words.ranges.map { String(decoding: words.text.bytes[$0], as: UTF8.self) }
  }

  static func decoded(_ tokens: [String], by chain: DecodingChain) -> [UInt8] {
    var running = chain.begin()
    return tokens.flatMap { running.append(Array($0.utf8)) } + running.finish()
  }
}
