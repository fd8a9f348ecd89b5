import Foundation
import MotetFormats
import MotetModels
import MotetTokenizers
import Testing

@testable import MotetServing

@Suite struct StructureTests {
  /// Whether a text is one that a format accepts, byte by byte.
  @Compute private static func accepts(_ format: OutputFormat, _ text: String) throws -> Bool {
    let tokenizer = try Tokenizer(tokenizerJSON: TinyModel.folder.appending(path: "model/tokenizer.json"))
    let grammar = try #require(try SchemaCompiler.compile(format))
    let automaton = StructureAutomaton(grammar, trie: TokenTrie(tokenizer))
    var state = automaton.start
    for byte in text.utf8 { state = automaton.step(state, byte) }
    return automaton.isComplete(state)
  }

  private struct Example {
    let schema: String
    let good: [String]
    let bad: [String]
  }

  private static let examples = [
    Example(
      schema: #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}"#,
      good: [#"{"a":1}"#, #"{"a": -20, "b": "x\n\u00e9é👍"}"#, "{\n  \"a\":1\n}"],
      bad: [#"{}"#, #"{"b":"x"}"#, #"{"b":"x","a":1}"#, #"{"a":01}"#, #"{"a":1.5}"#, #"{"a":1,"c":2}"#, #"{"a":1,}"#]),
    Example(
      schema: #"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"boolean"},"c":{"type":"number"}}}"#,
      good: ["{}", #"{"a":null}"#, #"{"c":1e5}"#, #"{"a":null,"c":-0.25}"#, #"{"a":null, "b":true, "c":0}"#],
      bad: [#"{"b":true,"a":null}"#, #"{,"a":null}"#, #"{"a":null"b":true}"#, #"{"c":1.}"#]),
    Example(
      schema: #"{"type":"array","items":{"enum":["x",1,null,{"k":[2]}]},"minItems":1,"maxItems":3}"#,
      good: [#"["x"]"#, #"[1, null]"#, #"[{"k":[2]},"x",1]"#], bad: ["[]", #"["y"]"#, "[1,1,1,1]", "[1,]"]),
    Example(
      schema: #"{"type":"array","items":{"type":"integer"},"maxItems":2}"#, good: ["[]", "[ ]", "[1]", "[1,2]"],
      bad: ["[1,2,3]"]),
    Example(
      schema: #"{"type":"string","minLength":2,"maxLength":4}"#,
      good: [#""ab""#, #""éé👍\n""#, #""\u0041\ud83d\udc4d""#], bad: [#""a""#, #""abcde""#, #""\ud83d""#, #""ab"#]),
    Example(
      schema: #"{"type":"string","pattern":"^(\\+\\d{1,3} )?[a-f0-9]{2}(-\\w+)*$"}"#,
      good: [#""ab""#, #""+49 0f-x-yy_1""#], bad: [#""abc""#, #""+1234 ab""#, #""ab-""#]),
    Example(
      schema: #"{"type":"string","pattern":"x[^a-z\"]y|q"}"#, good: [#""..xAy..""#, #""q""#, #""x\\y""#],
      bad: [#""xay""#, #""x\"y""#]),
    Example(schema: #"{"type":"string","format":"date"}"#, good: [#""2026-02-28""#], bad: [#""2026-13-01""#]),
    Example(
      schema: #"{"anyOf":[{"type":"integer"},{"type":["string","null"]}]}"#, good: ["1", #""a""#, "null"], bad: ["1.5"]),
    Example(
      schema: #"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}}}"#,
      good: [#"{"v":1,"next":null}"#, #"{"v":1,"next":{"v":2,"next":{"v":3,"next":null}}}"#],
      bad: [#"{"v":1}"#, #"{"v":1,"next":{"v":2}}"#]),
    Example(
      schema: #"{"type":"object","properties":{"ab":{"type":"integer"}},"additionalProperties":{"type":"string"}}"#,
      good: [#"{"ab":1,"x":"y"}"#, #"{"a":"y"}"#, #"{"abc":"y","":"z"}"#, "{}"],
      bad: [#"{"ab":"y"}"#, #"{"\u0061b":"y"}"#, #"{"x":1}"#]),
    Example(
      schema: #"{"oneOf":[{"type":"object","properties":{"k":{"const":"a"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"b"},"n":{"type":"integer"}},"required":["k","n"]}]}"#,
      good: [#"{"k":"a"}"#, #"{"k":"b","n":3}"#], bad: [#"{"k":"b"}"#, #"{"k":"c"}"#]),
  ]

  @Test @Compute func schemasAcceptWhatFitsThemAndNothingElse() throws {
    for example in Self.examples {
      for text in example.good {
        #expect(try Self.accepts(.schema(example.schema), text), "\(example.schema) \(text)")
      }
      for text in example.bad {
        #expect(try !Self.accepts(.schema(example.schema), text), "\(example.schema) \(text)")
      }
    }
  }

  @Test @Compute func anyObjectIsJSONMode() throws {
    for text in [#"{}"#, #"{"a":[1,{"b":[]},"c",true,null,-1.5e-3]}"#, "{ \"a\": {\n\t\"b\": 0}}"] {
      #expect(try Self.accepts(.json, text))
    }
    for text in ["[]", "1", #"{"a"}"#, #"{"a":}"#, #"{"a":1}}"#, #"{"a":tru}"#, #"{'a':1}"#] {
      #expect(try !Self.accepts(.json, text))
    }
  }

  @Test func whatIsNotSupportedIsRefusedByName() throws {
    for (schema, word) in [
      (#"{"type":"integer","multipleOf":3}"#, "multipleOf"), (#"{"type":"object","patternProperties":{}}"#, "patternProperties"),
      (#"{"type":"array","uniqueItems":true}"#, "uniqueItems"), (#"{"not":{}}"#, "not"),
      (#"{"type":"string","format":"hostname"}"#, "hostname"), (#"{"$ref":"http://x"}"#, "http://x"),
      (#"{"$ref":"#/$defs/x"}"#, "#/$defs/x"), (#"{"type":"strin"}"#, "type"), (#"{"type":"string","pattern":"(?=a)"}"#, "(?"),
      (#"{"type":"string","pattern":"\\1"}"#, "\\1"), (#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#, "oneOf"),
      (#"{"type":"object","required":["x"],"additionalProperties":false}"#, "x"), (#"{"type":"#, "JSON"),
      (#"{"type":"string","minLength":5,"maxLength":2}"#, "minLength"), (#"{"enum":[]}"#, "enum"), ("false", "false"),
      (#"{"type":"string","maxLength":99999,"minLength":99998,"title":"t"}"#, "too large"),
    ] {
      do {
        _ = try SchemaCompiler.compile(.schema(schema))
        Issue.record("\(schema) was taken")
      } catch ServingError.invalid(_, let message) {
        #expect(message.contains(word), "\(message)")
      }
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
    for (place, example) in Self.examples.enumerated() {
      let format = OutputFormat.schema(example.schema)
      let answers = try await engine.together((0..<24).map { Self.drawn(format, seed: UInt64(place * 100 + $0)) })
      for answer in answers where answer.reason == .stop {
        finished += 1
        _ = try JSONTree(parsing: answer.text, named: "answer")
        #expect(try await Self.accepts(format, answer.text), "\(answer.text)")
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
      await #expect(throws: ServingError.self) { _ = try await engine.answer(Self.drawn(.schema(schema), seed: 1)) }
    }
  }

  @Test @Compute func masksAllowJustTheTokensWhoseBytesGoOn() throws {
    let tokenizer = try Tokenizer(tokenizerJSON: TinyModel.folder.appending(path: "model/tokenizer.json"))
    let grammar = try #require(
      try SchemaCompiler.compile(.schema(#"{"enum":["the","this"," in the"]}"#)))
    let automaton = StructureAutomaton(grammar, trie: TokenTrie(tokenizer))
    for text in ["", "\"", "\"t", "\"th", "\"the", "\"the\"", "\" ", "\" in"] {
      var state = automaton.start
      for byte in text.utf8 { state = automaton.step(state, byte) }
      let mask = automaton.mask(state, ends: [2])
      for token in 0..<Int32(tokenizer.vocabularySize) {
        var next = state
        for byte in tokenizer.bytes(of: token) { next = automaton.step(next, byte) }
        let isAllowed = token < 3 ? token == 2 && text == "\"the\"" : next != StructureAutomaton.dead
        #expect(mask.contains(token) == isAllowed, "\(text) \(token)")
      }
    }
  }
}
