import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining
import Testing

/// rsLoRA, LoRA+ and LoRA-FA: LoRA's two factors with another scale, another rate, or one of them frozen.
@Suite struct LoRAVariantTests {
  /// PEFT's factors of the tiny fixture.
  private func start(_ base: BaseModel) throws -> AdapterWeights {
    try Adapter.load(TinyModel.adapter, for: base).weights
  }

  @Test @Compute func rsLoRAsScaleAndStepsAreThoseOfPEFT() async throws {
    let base = try await TinyModel.load()
    let start = try AdapterWeights(peft: MethodFixture.peft("rslora"))
    #expect(start.sites.values.allSatisfy { abs($0.scale - 1.5) < 1e-6 } && start.isRankStabilized)
    let method = RSLoRA(LoRA(rank: 4))
    let steps = try FixtureSteps(try method.continue(start, on: base), on: base)
    for (index, loss) in try MethodFixture.file("rslora").tensor("loss").floats().enumerated() {
      #expect(abs(try steps.take(index, of: 2) - Double(loss)) < 1e-4)
    }
  }

  @Test @Compute func rsLoRAsScaleIsAlphaByTheRootOfTheRankInTheFileToo() async throws {
    let base = try await TinyModel.load()
    let method = try MethodSettings(shape: LoRA(rank: 16), given: [.rank]).make(RSLoRA.self)
    let weights = try method.begin(on: base, seed: 1).weights()
    #expect(weights.sites.values.allSatisfy { $0.scale == 2 })
    #expect(weights.configuration.useRSLoRA && weights.configuration.alpha == 8)
    let folder = try TrainingFolder()
    try weights.write(to: folder.url)
    let isSame = try AdapterWeights(peft: folder.url) == weights
    #expect(isSame)
    #expect(throws: MethodError.self) { try method.continue(start(base), on: base) }
  }

  @Test(arguments: [
    ("loraplus", LoRAPlus(LoRA(rank: 4)) as any AdapterMethod), ("lorafa", LoRAFA(LoRA(rank: 4))),
  ])
  @Compute func aStepIsThatOfPEFT(name: String, method: any AdapterMethod) async throws {
    let base = try await TinyModel.load()
    let file = try MethodFixture.file(name)
    let steps = try FixtureSteps(try method.continue(start(base), on: base), on: base)
    let losses = try file.tensor("loss").floats()
    #expect(abs(try steps.take(0, of: 2) - Double(losses[0])) < 1e-4)
    let after = try steps.adapter.weights().sites
    var compared = 0
    for tensor in file.names where tensor.hasPrefix("step1.") {
      let words = tensor.split(separator: ".").map(String.init)
      let site = try #require(after[words[1..<words.count - 1].joined(separator: ".")])
      let values = words.last == "lora_A" ? site.loraA : site.loraB
      #expect(largestDifference(values, try file.tensor(tensor).floats()) < 1e-4, "\(tensor)")
      compared += 1
    }
    #expect(compared == (name == "lorafa" ? 7 : 14))
    #expect(abs(try steps.take(1, of: 2) - Double(losses[1])) < 1e-4)
  }

  @Test @Compute func aFrozenAIsNeitherMovedNorCounted() async throws {
    let base = try await TinyModel.load()
    let method = LoRAFA(LoRA(rank: 4))
    let adapter = try method.begin(on: base, seed: 2)
    let fresh = try adapter.weights()
    #expect(adapter.parameterCount == fresh.sites.values.reduce(0) { $0 + $1.loraB.count })
    let result = try await Trainer(
      base, method: method, options: TrainingOptions(epochs: 2, batchRows: 4, learningRate: 1e-2)
    ).train(on: TinyModel.data(12), evaluation: TinyModel.data(12))
    let weights = result.adapter.weights
    let first = try method.begin(on: base, seed: 0).weights()
    for name in weights.siteNames {
      let isFrozen = weights.sites[name]?.loraA == first.sites[name]?.loraA
      #expect(isFrozen && weights.sites[name]?.loraB.contains { $0 != 0 } == true)
    }
    #expect(try #require(result.evalAfter).value < #require(result.evalBefore).value - 0.3)
  }

  @Test func aRateOfBBelowOneIsRefused() throws {
    let error = #expect(throws: MethodError.self) {
      try MethodSettings(own: ["b-rate": "0.5"]).make(LoRAPlus.self)
    }
    #expect(error.map { "\($0)" } == "--b-rate cannot be \"0.5\": give a number from 1.0 to 1000.0")
  }
}
