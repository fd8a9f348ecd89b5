import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// Soft prompts and prefixes under training.
@Suite struct VirtualTokenTrainingTests {
  static let folder = TinyModel.folder.appending(path: "../virtual").standardizedFileURL

  static func method(_ name: String, _ own: [String: String] = ["virtual-tokens": "6"]) throws
    -> any AdapterMethod
  {
    try MethodSettings(own: own).make(AdapterMethods.named(name))
  }

  @Test(arguments: ["prompt", "prefix"])
  @Compute func theLossAndAStepAreThoseOfPEFT(name: String) async throws {
    struct Expected: Decodable { let loss: Double }
    let expected = try JSONDecoder().decode(
      [String: Expected].self, from: Data(contentsOf: Self.folder.appending(path: "expected.json")))
    let base = try await TinyModel.load()
    let start = try Adapter.load(Self.folder.appending(path: name), for: base).weights
    for checkpointed in [false, true] {
      let adapter = try Self.method(name).continue(start, on: base)
      var steps = try FixtureSteps(adapter, on: base)
      steps.checkpointsLayers = checkpointed
      #expect(abs(try steps.take(0, of: 1) - (try #require(expected[name]).loss)) < 1e-4)
      let wanted = try SafetensorsFile(contentsOf: Self.folder.appending(path: "expected.safetensors"))
        .tensor("\(name).step1").floats()
      let reached = try #require(try adapter.weights().content?.tensors["prompt_embeddings"])
      #expect(largestDifference(reached.values, wanted) < 1e-4)
    }
  }

  @Test(arguments: ["prompt", "prefix"])
  func trainingLearnsAndGoesOnFromWhatItLearnt(name: String) async throws {
    let base = try await TinyModel.load()
    let options = TrainingOptions(epochs: 6, batchRows: 4, learningRate: 2e-2, tokensPerPass: 64)
    let data = TinyModel.data(12)
    let first = try await Trainer(base, method: try Self.method(name), options: options)
      .train(on: data, evaluation: data)
    #expect(try #require(first.evalAfter).value < #require(first.evalBefore).value - 0.1)
    let second = try await Trainer(base, method: try Self.method(name), options: options)
      .train(on: data, from: first.adapter.weights, evaluation: data)
    #expect(abs(try #require(first.evalAfter).value - (try #require(second.evalBefore).value)) < 1e-6)
    #expect(second.adapter.weights.virtualTokens == 6)
    let examples = try data.examples(for: base)
    let again = try await base.nll(of: examples, mix: Mix(first.adapter))
    #expect(abs(again.value - (try #require(first.evalAfter).value)) < 1e-6)
  }

  /// What a base of less than 32 bits, more passes a step and layers run again leave of the same training.
  @Test(arguments: ["prompt", "prefix"], [Precision.f32, .bf16, .int8])
  func passesAndLayersRunAgainChangeNothing(name: String, precision: Precision) async throws {
    guard precision.isSupported else { return }
    let base = try await TinyModel.load(precision)
    func train(_ tokens: Int, checkpointed: Bool = false, accumulate: Int = 1) async throws -> [Float] {
      let options = TrainingOptions(
        epochs: 2, batchRows: 4 / accumulate, accumulation: accumulate, learningRate: 1e-2,
        tokensPerPass: tokens)
      var run = try Trainer(base, method: try Self.method(name), options: options).run(on: TinyModel.data(8))
      run.checkpointsActivations = checkpointed
      let weights = try #require(try await run.train().first?.result).adapter.weights
      return try #require(weights.content?.tensors["prompt_embeddings"]).values
    }
    let whole = try await train(4096)
    let again = try await train(4096, checkpointed: true)
    let isSame = whole == again
    #expect(isSame)
    // A sum in another order; AdamW's first steps make of the least difference in a gradient near 0 a whole step.
    for other in [try await train(40), try await train(4096, accumulate: 2)] {
      let distance = zip(whole, other).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(whole.count)
      #expect(distance < (precision == .f32 ? 1e-4 : 2e-3))
    }
  }

  @Test @Compute func aPrefixBeginsAsTheBaseWithItsWordsBefore() async throws {
    let base = try await TinyModel.load()
    let words = base.tokenizer.encode("the answer is")
    let own = ["virtual-tokens": "\(words.count)", "prompt-text": "the answer is"]
    let tokens: [Int32] = [9, 8, 7, 6]
    let spoken = try base.logits(
      [BatchRow(tokens: words + tokens, mix: .base)], at: tokens.indices.map { $0 + words.count },
      on: Tape(recording: false)
    ).values
    for name in ["prompt", "prefix"] {
      let adapter = try Self.method(name, own).begin(on: base, seed: 0)
      let silent = try base.logits(
        [BatchRow(tokens: tokens, mix: adapter.mix)], at: Array(tokens.indices), on: Tape(recording: false)
      ).values
      #expect(largestDifference(spoken, silent) < 1e-4, "\(name)")
    }
  }

  @Test func theSeedDrawsTheWords() async throws {
    let base = try await TinyModel.load()
    func begin(_ seed: UInt64) async throws -> AdapterWeights {
      try await Compute.run { try Self.method("prompt").begin(on: base, seed: seed).weights() }
    }
    #expect(try await begin(1) == begin(1))
    #expect(try await begin(1) != begin(2))
  }

  @Test func moreVirtualTokensThanTheContextAreRefused() async throws {
    let base = try await TinyModel.load()
    for name in ["prompt", "prefix"] {
      await #expect(throws: ModelError.virtualTokens(128, context: 128)) {
        try await Trainer(base, method: try Self.method(name, ["virtual-tokens": "128"])).train(
          on: TinyModel.data(2))
      }
      // Rows that would fit without them.
      let error = await #expect(throws: TrainingError.self) {
        try await Trainer(base, method: try Self.method(name, ["virtual-tokens": "120"])).train(
          on: TinyModel.data(2))
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains("the model's context has room for 8"))
    }
    #expect(throws: MethodError.self) { try Self.method("prefix", ["virtual-tokens": "0"]) }
    #expect(throws: MethodError.self) { try Self.method("prompt", ["prompt-text": "  "]) }
    #expect(throws: MethodError.self) {
      try MethodSettings(given: [.rank]).make(PromptTuning.self)
    }
  }

  @Test func aLoRACannotGoOnAsAPrompt() async throws {
    let base = try await TinyModel.load()
    let lora = try LoRA(rank: 2).initialWeights(for: base, seed: 1)
    for name in ["prompt", "prefix"] {
      await #expect(throws: MethodError.self) {
        try await Trainer(base, method: try Self.method(name)).train(on: TinyModel.data(2), from: lora)
      }
    }
  }
}
