import Foundation
import MotetFormats
import MotetModels
import MotetTensor
import MotetTokenizers
import Testing

@testable import MotetServing

@Suite struct StructureTests {
  /// Whether a text is one that a format accepts, byte by byte.
  private static func accepts(_ format: OutputFormat, _ text: String) throws -> Bool {
    try Structures.grammar(format).after(text).isComplete
  }

  /// Tests/Fixtures/schemas.json: schemas with texts that fit them and texts that do not, and schemas that are refused.
  private struct Fixture: Decodable {
    struct Accepted: Decodable {
      let schema: String
      let good: [String]
      let bad: [String]
    }
    struct Refused: Decodable {
      let schema: String
      /// What the refusal names.
      let word: String
    }
    let accepted: [Accepted]
    let refused: [Refused]

    static func read() throws -> Fixture {
      let file = TinyModel.folder.appending(path: "../schemas.json").standardizedFileURL
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    }
  }

  @Test func schemasAcceptWhatFitsThemAndNothingElse() throws {
    for example in try Fixture.read().accepted {
      for text in example.good {
        #expect(try Self.accepts(.schema(example.schema), text), "\(example.schema) \(text)")
      }
      for text in example.bad {
        #expect(try !Self.accepts(.schema(example.schema), text), "\(example.schema) \(text)")
      }
    }
  }

  @Test func anyObjectIsJSONMode() throws {
    for text in [#"{}"#, #"{"a":[1,{"b":[]},"c",true,null,-1.5e-3]}"#, "{ \"a\": {\n\t\"b\": 0}}"] {
      #expect(try Self.accepts(.json, text))
    }
    for text in ["[]", "1", #"{"a"}"#, #"{"a":}"#, #"{"a":1}}"#, #"{"a":tru}"#, #"{'a':1}"#] {
      #expect(try !Self.accepts(.json, text))
    }
  }

  @Test func whatIsNotSupportedIsRefusedByName() throws {
    for refused in try Fixture.read().refused {
      do {
        _ = try SchemaCompiler.compile(.schema(refused.schema))
        Issue.record("\(refused.schema) was taken")
      } catch ServingError.invalid(_, let message) {
        #expect(message.contains(refused.word), "\(message)")
      }
    }
  }

  /// What anybody may send must neither end the process nor hold it up.
  @Test func hostileSchemasAreRefused() {
    let deep = String(repeating: "(", count: 30_000)
    let chain = (0..<900).map { ##""d\##($0)":{"$ref":"#/$defs/d\##($0 + 1)"}"## }.joined(separator: ",")
    let objects = (0..<1_500).map { #"{"type":"object","properties":{"a\#($0)":{}}}"# }
    for schema in [
      #"{"type":"string","pattern":"\#(deep)"}"#,
      #"{"type":"string","pattern":"\#(String(repeating: " ", count: 70_000))"}"#,
      #"{"type":"string","pattern":"^((a?){9999}){9999}b{9999999}$"}"#,
      #"{"type":"string","pattern":"^[^\\s\\S]$"}"#,
      ##"{"$ref":"#/$defs/d0","$defs":{\##(chain),"d900":{"type":"null"}}}"##,
      #"{"anyOf":[\#(objects.joined(separator: ","))]}"#,
    ] {
      #expect(throws: ServingError.self) { try SchemaCompiler.compile(.schema(schema)) }
    }
  }

  private static func drawn(_ format: OutputFormat, seed: UInt64, tokens: Int = 100) -> ServingRequest {
    var request = greedy("\(seed)", prompt(5, seed: Int(seed)), tokens: tokens, ignoresEnd: false)
    request.sampling.temperature = 2
    request.sampling.seed = seed
    request.format = format
    return request
  }

  @Test func answersOfAModelThatBabblesAlwaysParseAndFit() async throws {
    let base = try await TinyModel.load()
    let engine = await ServingEngine(base, library: nil)
    var finished = 0
    for (place, example) in try Fixture.read().accepted.enumerated() {
      let format = OutputFormat.schema(example.schema)
      let answers = try await engine.together(
        (0..<24).map { Self.drawn(format, seed: UInt64(place * 100 + $0)) })
      for answer in answers where answer.reason == .stop {
        finished += 1
        _ = try JSONTree(parsing: answer.text, named: "answer")
        #expect(try Self.accepts(format, answer.text), "\(answer.text)")
      }
      #expect(answers.allSatisfy { $0.reason == .stop || $0.usage?.completionTokens == 100 })
    }
    #expect(finished > 60)
    let objects = try await engine.together((0..<48).map { Self.drawn(.json, seed: UInt64($0)) })
    for answer in objects where answer.reason == .stop {
      #expect(try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) is [String: Any])
    }
    #expect(objects.contains { $0.reason == .stop })
  }

  @Test func aSchemaThatGoesInCirclesIsRefused() async throws {
    let base = try await TinyModel.load()
    let engine = await ServingEngine(base, library: nil)
    for schema in [##"{"$ref":"#"}"##, ##"{"anyOf":[{"$ref":"#"}]}"##] {
      await #expect(throws: ServingError.self) {
        _ = try await engine.answer(Self.drawn(.schema(schema), seed: 1))
      }
    }
  }

  @Test func masksAllowJustTheTokensWhoseBytesGoOn() throws {
    let tokenizer = try Structures.tokenizer()
    let automaton = try Structures.automaton(.schema(#"{"enum":["the","this"," in the"]}"#))
    for text in ["", "\"", "\"t", "\"th", "\"the", "\"the\"", "\" ", "\" in"] {
      let position = automaton.grammar.after(text)
      let mask = automaton.mask(position)
      for token in 0..<Int32(tokenizer.vocabularySize) {
        var next = position
        for byte in tokenizer.bytes(of: token) { next = automaton.grammar.step(next, byte) }
        let isAllowed = token < 3 ? token == 2 && text == "\"the\"" : !next.isNowhere
        #expect(mask.contains(token) == isAllowed, "\(text) \(token)")
      }
    }
  }
}
