import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// Bottleneck modules under training.
@Suite struct BottleneckTrainingTests {
  static let folder = TinyModel.folder.appending(path: "../bottleneck").standardizedFileURL

  static func method(_ own: [String: String] = ["bottleneck": "8"], layers: ClosedRange<Int>? = nil) throws
    -> any AdapterMethod
  {
    try MethodSettings(shape: LoRA(layers: layers), given: layers == nil ? [] : [.layers], own: own)
      .make(BottleneckAdapters.self)
  }

  @Test(arguments: ["gelu", "relu"])
  @Compute func theLossAndAStepAreThoseOfPyTorch(name: String) async throws {
    struct Expected: Decodable { let loss: Double }
    let expected = try JSONDecoder().decode(
      [String: Expected].self, from: Data(contentsOf: Self.folder.appending(path: "expected.json")))
    let base = try await TinyModel.load()
    let start = try Adapter.load(Self.folder.appending(path: name), for: base).weights
    let file = try SafetensorsFile(contentsOf: Self.folder.appending(path: "expected.safetensors"))
    for checkpointed in [false, true] {
      let adapter = try Self.method().continue(start, on: base)
      var steps = try FixtureSteps(adapter, on: base)
      steps.checkpointsLayers = checkpointed
      #expect(abs(try steps.take(0, of: 1) - (try #require(expected[name]).loss)) < 1e-4)
      for (key, tensor) in try #require(try adapter.weights().content).tensors {
        let wanted = try file.tensor("\(name).step1.\(key)").floats()
        #expect(largestDifference(tensor.values, wanted) < 1e-4, "\(key)")
      }
    }
  }

  @Test func aFreshModuleChangesNearlyNothing() async throws {
    let base = try await TinyModel.load()
    let fresh = try await Compute.run { try Self.method().begin(on: base, seed: 1).weights() }
    #expect(fresh.parameterCount == 2 * 2 * (2 * 8 * 64 + 8 + 64))
    let examples = try TinyModel.data(4).examples(for: base)
    let plain = try await base.nll(of: examples)
    let adapted = try await base.nll(of: examples, mix: Mix(Adapter(name: "fresh", weights: fresh)))
    #expect(abs(plain.value - adapted.value) < 1e-2 && plain.value != adapted.value)
  }

  @Test(arguments: [Precision.f32, .bf16, .int8])
  func trainingLearnsOnEveryPrecision(precision: Precision) async throws {
    guard precision.isSupported else { return }
    let base = try await TinyModel.load(precision)
    let data = TinyModel.data(12)
    func train(_ tokens: Int, checkpointed: Bool = false) async throws -> TrainingResult {
      let options = TrainingOptions(epochs: 6, batchRows: 4, learningRate: 1e-2, tokensPerPass: tokens)
      var run = try Trainer(base, method: try Self.method(), options: options).run(on: data, evaluation: data)
      run.checkpointsActivations = checkpointed
      return try #require(try await run.train().first?.result)
    }
    let whole = try await train(4096)
    #expect(try #require(whole.evalAfter).value < #require(whole.evalBefore).value - 0.3)
    let again = try await train(4096, checkpointed: true)
    #expect(whole.adapter.weights == again.adapter.weights)
    let parted = try await train(48)
    #expect(abs(try #require(parted.evalAfter).value - (try #require(whole.evalAfter)).value) < 0.05)
  }

  @Test func onlyChosenLayersGetModules() async throws {
    let base = try await TinyModel.load()
    let options = TrainingOptions(epochs: 1, batchRows: 4, learningRate: 1e-2)
    let method = try Self.method(["bottleneck": "3", "activation": "relu"], layers: 1...1)
    let result = try await Trainer(base, method: method, options: options).train(on: TinyModel.data(4))
    let names = try #require(result.adapter.weights.content).tensors.keys
    #expect(names.count == 8 && names.allSatisfy { $0.hasPrefix("layers.1.") })
  }

  @Test func optionsThatCannotBeAreRefused() async throws {
    let base = try await TinyModel.load()
    #expect(throws: MethodError.self) { try Self.method(["bottleneck": "0"]) }
    #expect(throws: MethodError.self) { try Self.method(["activation": "tanh"]) }
    #expect(throws: MethodError.self) { try Self.method(["virtual-tokens": "3"]) }
    for method in [try Self.method(["bottleneck": "65"]), try Self.method(layers: 1...2)] {
      await #expect(throws: (any Error).self) {
        try await Trainer(base, method: method).train(on: TinyModel.data(2))
      }
    }
    let lora = try LoRA(rank: 2).initialWeights(for: base, seed: 1)
    await #expect(throws: MethodError.self) {
      try await Trainer(base, method: try Self.method()).train(on: TinyModel.data(2), from: lora)
    }
  }
}
