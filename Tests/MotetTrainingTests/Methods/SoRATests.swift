import Foundation
import MotetModels
import MotetTensor
import MotetTraining
import Testing

@testable import MotetAdapters

@Suite struct SoRATests {
  /// The fixture's gates, those of `name`.
  private func gates(_ name: String, _ base: BaseModel) throws -> [String: [Float]] {
    let file = try MethodFixture.file("sora")
    return try Dictionary(
      uniqueKeysWithValues: base.sites.map { ($0.path, try file.tensor("\(name).\($0.path).gate").floats()) })
  }

  @Test @Compute func stepsAndTheProximalStepAreThoseOfTheEquations() async throws {
    let base = try await TinyModel.load()
    let file = try MethodFixture.file("sora")
    let losses = try file.tensor("loss").floats()
    let start = try AdapterWeights(peft: TinyModel.adapter)
    let method = SoRA(LoRA(rank: 4), sparsity: 200)
    let adapter = TrainableSoRA(start, gates: try gates("start", base), on: base, method: method)
    let steps = try FixtureSteps(adapter, on: base)
    #expect(abs(try steps.take(0, of: 3) - Double(losses[0])) < 1e-4)
    let names = ["lora_A", "lora_B", "gate"]
    for (index, site) in base.sites.enumerated() where site.layer == 1 {
      for (part, name) in names.enumerated() {
        let values = adapter.parameters[3 * index + part].values.values
        let wanted = try file.tensor("step1.\(site.path).\(name)").floats()
        #expect(largestDifference(values, wanted) < 1e-4, "\(site.path) \(name)")
      }
    }
    #expect(abs(try steps.take(1, of: 3) - Double(losses[1])) < 1e-4)
    #expect(abs(try steps.take(2, of: 3) - Double(losses[2])) < 1e-4)
    let wanted = try gates("step3", base)
    let open = wanted.mapValues { $0.count { $0 != 0 } }
    #expect(open.values.contains(0) && open.values.contains { $0 > 0 && $0 < 4 })
    // What is left when closed ranks are cut away gives the same loss.
    let weights = try adapter.weights()
    #expect(weights.sites.mapValues(\.rank) == open.filter { $0.value > 0 })
    #expect(abs(try steps.loss() - Double(losses[3])) < 1e-4)
    #expect(
      abs(try await base.fixtureLoss(Mix(Adapter(name: "s", weights: weights))) - Double(losses[3])) < 1e-4)
    #expect(weights.rankSummary?.hasPrefix("ranks 1 to") == true)
  }

  @Test func whatIsSavedIsAPlainLoRAWithAPatternOfRanks() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let result = try await Trainer(
      base, method: SoRA(LoRA(rank: 6), sparsity: 25),
      options: TrainingOptions(epochs: 3, batchRows: 4, learningRate: 1e-2)
    ).train(on: TinyModel.data(12), evaluation: TinyModel.data(12))
    let weights = result.adapter.weights
    let ranks = weights.sites.values.map(\.rank)
    #expect(weights.content == nil && ranks.contains { $0 < 6 } && Set(ranks).count > 1)
    try weights.write(to: folder.url)
    let text = try String(contentsOf: folder.file("adapter_config.json"), encoding: .utf8)
    #expect(text.contains("\"peft_type\": \"LORA\"") && !weights.configuration.rankPattern.isEmpty)
    let again = try AdapterWeights(peft: folder.url)
    #expect(largestDifference(again, weights) == 0)
    #expect(try #require(result.evalAfter).value < #require(result.evalBefore).value - 0.3)
  }

  @Test @Compute func withoutSparsityNothingIsCutAndItGoesOnAsItWas() async throws {
    let base = try await TinyModel.load()
    let start = try AdapterWeights(peft: TinyModel.adapter)
    let same = try SoRA(LoRA(rank: 4), sparsity: 0).continue(start, on: base).weights()
    #expect(same == start)
    let adapter = try SoRA(LoRA(rank: 4)).begin(on: base, seed: 1)
    #expect(adapter.parameterCount == base.sites.reduce(0) { $0 + 4 * ($1.inputs + $1.outputs + 1) })
    #expect(throws: MethodError.self) { try MethodSettings(own: ["sparsity": "-1"]).make(SoRA.self) }
  }
}
