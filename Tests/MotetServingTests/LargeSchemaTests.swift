import Foundation
import MotetFormats
import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

@Suite struct LargeSchemaTests {
  @Test(arguments: LargeSchema.all) func schemasOfThePromisedSizesAreFollowed(_ large: LargeSchema) throws {
    let began = ContinuousClock.now
    let grammar = try Structures.grammar(.schema(large.schema))
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    print("\(large): read in \(seconds) s, \(grammar.memory >> 10) KB")
    #expect(grammar.memory < 32 << 20)
    for text in large.good { #expect(grammar.after(text).isComplete, "\(large): \(text.prefix(80))") }
    for text in large.bad { #expect(!grammar.after(text).isComplete, "\(large): \(text.prefix(80))") }
  }

  /// Whatever tokens are taken, some mask always allows one more, and the text can be completed.
  @Test(arguments: LargeSchema.all) func noAnswerRunsIntoADeadEnd(_ large: LargeSchema) throws {
    let automaton = try Structures.automaton(.schema(large.schema))
    let tokenizer = try Structures.tokenizer()
    for seed in 0..<3 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var position = automaton.grammar.beginning
      for _ in 0..<40 where !position.isFinal {
        let mask = automaton.mask(position)
        let allowed = (3..<Int32(tokenizer.vocabularySize)).filter(mask.contains)
        let token = try #require(allowed.randomElement(using: &generator) ?? (position.isComplete ? 2 : nil))
        if token == 2 { break }
        for byte in tokenizer.bytes(of: token) { position = automaton.grammar.step(position, byte) }
        position.keep(64)
        #expect(!position.isNowhere)
      }
      if large.description != LargeSchema.requiredMembers.description {
        // Apart: what fails is printed with all that it is made of.
        let completes = automaton.grammar.canComplete(position)
        #expect(completes, "\(large)")
      }
    }
  }

  /// As deep as values may nest, the rest still leads to the end.
  @Test func theDeepestNestingCanBeClosed() throws {
    for (schema, opening) in [
      (
        ##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["a"]}}}"##,
        #"{"a":"#
      ),
      (##"{"type":"array","items":{"$ref":"#"}}"##, "["),
      (
        ##"{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"array","items":{"$ref":"#"},"minItems":2}]}"##,
        "["
      ),
      ("{\"type\":\"object\"}", #"{"a":"#),
    ] {
      let grammar = try Structures.grammar(.schema(schema))
      var position = grammar.beginning
      var depth = 0
      while depth < 300 {
        var next = position
        for byte in opening.utf8 where !next.isNowhere { next = grammar.step(next, byte) }
        guard !next.isNowhere else { break }
        position = next
        depth += 1
      }
      #expect((199...210).contains(depth), "\(schema): \(depth)")
      #expect(position.groups.count < 10)
      let completes = grammar.canComplete(position)
      #expect(completes, "\(schema)")
    }
  }

  @Test func whatHasNoFiniteValueIsRefusedByName() throws {
    for (schema, word) in [
      (
        ##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"required":["a"]}}}"##,
        "#/$defs/n"
      ),
      (##"{"type":"array","items":{"$ref":"#"},"minItems":1}"##, "\"#\""),
      (##"{"$ref":"#"}"##, "\"#\""),
      (##"{"anyOf":[{"$ref":"#"}]}"##, "\"#\""),
      (#"{"type":"object","properties":{"a":{"enum":[]}},"required":["a"]}"#, "#/properties/a"),
      (
        #"{"type":"object","properties":{"a":{"type":"string","enum":[1]}},"required":["a"]}"#,
        "#/properties/a"
      ),
      (
        #"{"type":"object","properties":{"a":{"type":"string","minLength":3,"maxLength":2}}}"#,
        "#/properties/a"
      ),
      (#"{"type":"array","minItems":3,"maxItems":2}"#, "minItems"),
      (#"{"type":"string","pattern":"^[^\\s\\S]$"}"#, "holds no character"),
      (#"{"oneOf":[{"const":1},{"const":1.0}]}"#, "0 and 1"),
    ] {
      do {
        _ = try SchemaCompiler.compile(.schema(schema))
        Issue.record("\(schema) was taken")
      } catch ServingError.invalid(let parameter, let message) {
        #expect(parameter == "response_format")
        #expect(message.contains(word), "\(schema): \(message)")
      }
    }
    // An optional member that cannot be is left out.
    let grammar = try Structures.grammar(
      .schema(
        ##"{"type":"object","properties":{"a":{"$ref":"#/$defs/n"},"b":{"type":"null"}},"$defs":{"n":{"type":"array","items":{"$ref":"#/$defs/n"},"minItems":1}}}"##
      ))
    #expect(grammar.after(#"{"b":null}"#).isComplete)
    #expect(grammar.after(#"{"a"#).isNowhere)
  }

  @Test func theMaskOfAPositionIsThatOfItsPlacesTogether() throws {
    let tokenizer = try Structures.tokenizer()
    var most = 0
    for (large, text) in [
      (LargeSchema.subsets, #""abcxa"#), (.ambiguous, #""abab"#), (.objects, #"{"text":"a"#),
      (.openMembers, #"{"lon"#),
    ] {
      let automaton = try Structures.automaton(.schema(large.schema))
      let position = automaton.grammar.after(text)
      most = max(most, position.placeCount)
      let whole = automaton.mask(position)
      let parts = position.single.map(automaton.mask)
      for token in 3..<Int32(tokenizer.vocabularySize) {
        #expect(whole.contains(token) == parts.contains { $0.contains(token) }, "\(large) \(token)")
      }
    }
    #expect(most > 1)
  }

  @Test func readingEndsWithItsTimeAndItsReader() throws {
    let schema = OutputFormat.schema(LargeSchema.optionalMembers.schema)
    #expect(throws: ServingError.self) {
      try SchemaCompiler.compile(schema, clock: CompileClock(seconds: 0))
    }
    let cancellation = CompileClock.Cancellation()
    cancellation.cancel()
    #expect(throws: CancellationError.self) {
      try SchemaCompiler.compile(schema, clock: CompileClock(cancellation: cancellation))
    }
  }

  @Test func memoryStaysWithinTheBudgetOverManySchemas() async throws {
    let tokenizer = try Structures.tokenizer()
    let budget = 4 << 20
    let memory = StructureMemory(budget: budget)
    let store = await StructureStore(tokenizer, ends: [2], memory: memory)
    var highest = 0
    for number in 0..<400 {
      let schema =
        #"{"type":"object","properties":{"a\#(number)":{"type":"string","pattern":"^(x|y).{40}z"},"b":{"type":"number"}}}"#
      var cursor = try #require(try await store.cursor(for: .schema(schema)))
      for token in tokenizer.encode(#"{"a\#(number)":"xab"#) {
        while cursor.mask == nil { try await Task.sleep(for: .microseconds(100)) }
        #expect(cursor.mask?.contains(token) == true)
        cursor.advance(token)
      }
      highest = max(highest, memory.held)
    }
    print("at most \(highest >> 10) KB were held of \(budget >> 10)")
    #expect(highest <= budget + budget / 4 && highest > budget / 4)
  }

  @Test func aReaderThatLeavesStopsTheReading() async throws {
    let store = await StructureStore(
      try Structures.tokenizer(), ends: [2], memory: StructureMemory(budget: 64 << 20))
    let format = OutputFormat.schema(LargeSchema.optionalMembers.schema)
    let reading = Task { try await store.cursor(for: format) }
    reading.cancel()
    await #expect(throws: CancellationError.self) { _ = try await reading.value }
    // Who comes later is not turned away with it.
    #expect(try await store.cursor(for: format) != nil)
  }

  @Test func oneSchemaIsReadOnceForAllThatWaitForIt() async throws {
    let memory = StructureMemory(budget: 64 << 20)
    let store = await StructureStore(try Structures.tokenizer(), ends: [2], memory: memory)
    let format = OutputFormat.schema(LargeSchema.optionalMembers.schema)
    let grammar = try Structures.grammar(format)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<20 { group.addTask { _ = try await store.cursor(for: format) } }
      try await group.waitForAll()
    }
    #expect(memory.held < 2 * grammar.memory)
    #expect(memory.held >= grammar.memory)
  }

  @Test func answersOfLargeSchemasParseAndFit() async throws {
    let base = try await TinyModel.load()
    let engine = await ServingEngine(base, library: nil)
    for large in LargeSchema.all {
      let grammar = try Structures.grammar(.schema(large.schema))
      let requests = (0..<6).map { seed in
        var request = greedy("\(seed)", prompt(5, seed: seed), tokens: 100, ignoresEnd: false)
        request.sampling.temperature = 1.5
        request.sampling.seed = UInt64(seed)
        request.format = .schema(large.schema)
        return request
      }
      for answer in try await engine.together(requests) {
        #expect(answer.reason == .stop || answer.reason == .length)
        guard answer.reason == .stop else { continue }
        _ = try JSONTree(parsing: answer.text, named: "answer")
        #expect(grammar.after(answer.text).isComplete, "\(large): \(answer.text)")
      }
    }
  }
}
