import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

/// What a token of a vocabulary of 49,152 costs beside the pass.
@Suite struct LargeVocabularyTests {
  private static func milliseconds(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    let began = ContinuousClock.now
    for _ in 0..<count { try body() }
    return (ContinuousClock.now - began) / .milliseconds(1) / Double(count)
  }

  @Test func aTokenIsDrawnWithoutSortingTheVocabulary() throws {
    var generator = SeededGenerator(seed: 3)
    let logits = (0..<49_152).map { _ in Float(generator.normal()) * 3 }
    let scratch = SamplerScratch()
    var plain = ServingSampling()
    var filtered = ServingSampling()
    filtered.topP = 0.95
    filtered.topK = 200
    var nucleus = ServingSampling()
    nucleus.topP = 0.9
    var greedy = ServingSampling()
    greedy.temperature = 0
    plain.seed = 1
    for (name, sampling) in [("greedy", greedy), ("plain", plain), ("top-k", filtered), ("top-p", nucleus)] {
      var sampler = TokenSampler(sampling, prompt: [])
      var row = logits
      let each = row.withUnsafeMutableBufferPointer { row in
        Self.milliseconds(100) { _ = sampler.choose(row, allowed: nil, scratch: scratch) }
      }
      print("\(name): \(each) ms a token")
      #expect(each < 5, "\(name)")
    }
    let each = logits.withUnsafeBufferPointer { logits in
      Self.milliseconds(100) { _ = TokenLogprobs(logits, alternatives: 20) }
    }
    print("log-probabilities: \(each) ms a token")
    #expect(each < 5)
  }

  @Test(.enabled(if: (try? ModelStore().find("smollm2-135m-instruct")) != nil))
  @Compute func aMaskOfTheRealVocabularyIsMadeInMillisecondsAndKept() throws {
    let tokenizer = try ModelStore().find("smollm2-135m-instruct").source().tokenizer()
    let began = ContinuousClock.now
    let trie = TokenTrie(tokenizer)
    print("vocabulary by bytes: \((ContinuousClock.now - began) / .milliseconds(1)) ms")
    let schema =
      #"{"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"#
      + #""age":{"type":"integer"}},"required":["name","tags","age"]}"#
    for format in [OutputFormat.json, .schema(schema)] {
      let grammar = try #require(try SchemaCompiler.compile(format))
      let automaton = StructureAutomaton(grammar, trie: trie)
      var state = automaton.start
      var (slowest, total, count) = (0.0, 0.0, 0)
      let text = #"{"name": "Ada Lovelace", "tags": ["first", "näheres", "x y"], "age": 36}"#
      for token in tokenizer.encode(text) {
        var mask: TokenMask?
        let each = Self.milliseconds(1) { mask = automaton.mask(state, ends: [2]) }
        (slowest, total, count) = (max(slowest, each), total + each, count + 1)
        #expect(mask?.contains(token) == true)
        for byte in tokenizer.bytes(of: token) { state = automaton.step(state, byte) }
      }
      #expect(automaton.isComplete(state))
      print("masks: \(total / Double(count)) ms a token on average, \(slowest) ms at most")
      #expect(slowest < 500)
    }
  }
}
