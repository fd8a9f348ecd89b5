import Foundation
import MotetModels
import MotetTensor
import MotetTraining
import Testing

@testable import MotetAdapters

@Suite struct AdaLoRATests {
  private static let method = AdaLoRA(
    LoRA(rank: 6, alpha: 12), target: 3, warmup: 1, final: 2, interval: 2)

  @Compute
  private func fixture(_ base: BaseModel, _ method: AdaLoRA = method) throws -> TrainableAdaLoRA {
    let file = try MethodFixture.file("adalora")
    var starts: [String: AdaLoRAFactors] = [:]
    for site in base.sites {
      func part(_ name: String) throws -> [Float] { try file.tensor("start.\(site.path).\(name)").floats() }
      starts[site.path] = AdaLoRAFactors(
        q: try part("lora_A"), values: try part("lora_E"), p: try part("lora_B"))
    }
    return TrainableAdaLoRA(starts, on: base, method: method)
  }

  @Test @Compute func stepsImportanceAndBudgetAreThoseOfPEFT() async throws {
    let base = try await TinyModel.load()
    let file = try MethodFixture.file("adalora")
    let losses = try file.tensor("loss").floats()
    let adapter = try fixture(base)
    let steps = try FixtureSteps(adapter, on: base)
    for step in 0..<8 {
      #expect(abs(try steps.take(step, of: 8) - Double(losses[step])) < 1e-4, "step \(step)")
      guard step == 0 else { continue }
      for (index, site) in base.sites.enumerated() where site.layer == 1 {
        for (part, name) in ["lora_A", "lora_B", "lora_E"].enumerated() {
          let values = adapter.parameters[3 * index + part].values.values
          let wanted = try file.tensor("step1.\(site.path).\(name)").floats()
          #expect(largestDifference(values, wanted) < 1e-4, "\(site.path) \(name)")
        }
      }
    }
    #expect(abs(try steps.loss() - Double(losses[8])) < 1e-4)
    let weights = try adapter.weights()
    for site in base.sites {
      let kept = try file.tensor("kept.\(site.path)").floats()
      #expect(weights.sites[site.path]?.rank ?? 0 == Int(kept.reduce(0, +)), "\(site.path)")
    }
    #expect(weights.sites.values.reduce(0) { $0 + $1.rank } == 3 * base.sites.count)
    #expect(weights.rankSummary != nil)
    // PEFT's folder after the same steps is the same update.
    let peft = try AdapterWeights(peft: MethodFixture.peft("adalora"))
    #expect(weights.largestDeltaDifference(peft) < 1e-4)
    #expect(
      abs(try await base.fixtureLoss(Mix(Adapter(name: "a", weights: peft))) - Double(losses[8])) < 1e-4)
  }

  @Test @Compute func itsOwnFormIsReadAgainAsTheSameUpdate() async throws {
    let base = try await TinyModel.load()
    var method = Self.method
    method.savesPEFTForm = true
    let adapter = try fixture(base, method)
    let steps = try FixtureSteps(adapter, on: base)
    for step in 0..<8 { _ = try steps.take(step, of: 8) }
    let weights = try adapter.weights()
    let folder = try TrainingFolder()
    try weights.write(to: folder.url)
    let text = try String(contentsOf: folder.file("adapter_config.json"), encoding: .utf8)
    #expect(text.contains("\"peft_type\": \"ADALORA\"") && text.contains("layers.1.mlp.up_proj.lora_E"))
    let again = try AdapterWeights(peft: folder.url)
    #expect(again.content == nil && again.largestDeltaDifference(weights) < 1e-6)
  }

  @Test func theBudgetFallsByTheCubicLaw() {
    let budget = RankBudget(beginning: 84, target: 42, warmup: 1, final: 2, interval: 2, steps: 8)
    #expect(
      (1...8).map { budget.phase(after: $0) } == [
        .gather, .shrink(to: 63), .gather, .shrink(to: 44), .gather, .fix(to: 42), .keep, .keep,
      ])
  }

  @Test func whatIsSavedIsAPlainLoRAOfTheBudget() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let result = try await Trainer(
      base, method: AdaLoRA(LoRA(rank: 6, alpha: 12), target: 4),
      options: TrainingOptions(epochs: 6, batchRows: 4, learningRate: 1e-2)
    ).train(on: TinyModel.data(12), evaluation: TinyModel.data(12))
    let weights = result.adapter.weights
    #expect(weights.content == nil)
    #expect(weights.sites.values.reduce(0) { $0 + $1.rank } == 4 * base.sites.count)
    try weights.write(to: folder.url)
    #expect(largestDifference(try AdapterWeights(peft: folder.url), weights) == 0)
    #expect(try #require(result.evalAfter).value < #require(result.evalBefore).value - 0.3)
  }

  @Test func aScheduleLongerThanTheRunAndATargetAboveTheBeginningAreRefused() async throws {
    let base = try await TinyModel.load()
    let error = await #expect(throws: MethodError.self) {
      try await Trainer(
        base, method: AdaLoRA(LoRA(rank: 6), target: 4, warmup: 3, final: 3),
        options: TrainingOptions(epochs: 1, batchRows: 4)
      ).train(on: TinyModel.data(12))
    }
    #expect(error.map { "\($0)".contains("none of the run's 3 steps") } == true)
    let other = #expect(throws: MethodError.self) {
      try MethodSettings(shape: LoRA(rank: 8), given: [.rank], own: ["init-rank": "6"]).make(AdaLoRA.self)
    }
    #expect(other.map { "\($0)".contains("at least --rank, which is 8") } == true)
    let lora = try AdapterWeights(peft: TinyModel.adapter)
    let third = await #expect(throws: MethodError.self) {
      try await Compute.run { try AdaLoRA(LoRA(rank: 6), target: 4).continue(lora, on: base).parameterCount }
    }
    #expect(third.map { "\($0)".contains("--method lora") } == true)
  }
}
