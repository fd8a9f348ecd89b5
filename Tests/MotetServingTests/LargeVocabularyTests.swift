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

  private static let realModel = "smollm2-135m-instruct"

  /// Each beside the mean time of a simple schema's masks, with the first mask of each position counted in.
  @Test(.enabled(if: (try? ModelStore().find(realModel)) != nil))
  func aMaskOfTheRealVocabularyIsMadeInMillisecondsAndKept() throws {
    let tokenizer = try ModelStore().find(Self.realModel).source().tokenizer()
    let began = ContinuousClock.now
    let trie = TokenTrie(tokenizer)
    print("vocabulary by bytes: \((ContinuousClock.now - began) / .milliseconds(1)) ms")
    let simple =
      #"{"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"#
      + #""age":{"type":"integer"}},"required":["name","tags","age"]}"#
    let text = #"{"name": "Ada Lovelace", "tags": ["first", "näheres", "x y"], "age": 36}"#
    var cases: [(name: String, format: OutputFormat, texts: [String])] = [
      ("any object", .json, [text]), ("simple", .schema(simple), [text]),
    ]
    cases += LargeSchema.all.map { ($0.description, .schema($0.schema), $0.good) }
    for (name, format, texts) in cases {
      let began = ContinuousClock.now
      let grammar = try #require(try SchemaCompiler.compile(format, writable: trie.singleBytes))
      let reading = (ContinuousClock.now - began) / .milliseconds(1)
      let memory = StructureMemory(budget: 1 << 30)
      let automaton = StructureAutomaton(grammar, trie: trie, ends: [2], memory: memory)
      var (slowest, total, steps, slowestStep, count) = (0.0, 0.0, 0.0, 0.0, 0)
      for text in texts {
        var position = grammar.beginning
        for token in tokenizer.encode(text).prefix(400) {
          var mask: TokenMask?
          let each = Self.milliseconds(1) { mask = automaton.mask(position) }
          (slowest, total, count) = (max(slowest, each), total + each, count + 1)
          #expect(mask?.contains(token) == true, "\(name)")
          let step = Self.milliseconds(1) {
            for byte in tokenizer.bytes(of: token) { position = grammar.step(position, byte) }
          }
          (steps, slowestStep) = (steps + step, max(slowestStep, step))
        }
        #expect(position.isComplete || text.count > 400, "\(name)")
      }
      func shown(_ value: Double) -> String { value.formatted(.number.precision(.fractionLength(3))) }
      print(
        "\(name): read in \(shown(reading)) ms; masks \(shown(total / Double(count))) ms a token, at most \(shown(slowest)); steps \(shown(steps / Double(count))) ms, at most \(shown(slowestStep)); \(memory.held >> 10) KB"
      )
      #expect(slowest < 2_000 && slowestStep < 50, "\(name)")
    }
  }
}
