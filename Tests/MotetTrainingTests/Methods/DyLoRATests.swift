import Foundation
import MotetModels
import MotetTensor
import MotetTraining
import Testing

@testable import MotetAdapters

@Suite struct DyLoRATests {
  /// A seed whose first steps draw these ranks of 4.
  private func seed(drawing ranks: [Int]) throws -> UInt64 {
    try #require(
      (0..<100_000).first { seed in
        ranks.enumerated().allSatisfy { DyLoRA.drawnRank(of: $0.offset, upTo: 4, seed: seed) == $0.element }
      })
  }

  @Test(arguments: [false, true])
  @Compute func stepsAtDrawnRanksAreThoseOfTheAlgorithm(newestOnly: Bool) async throws {
    let base = try await TinyModel.load()
    let file = try MethodFixture.file("dylora")
    let prefix = newestOnly ? "frozen." : ""
    let losses = try file.tensor("\(prefix)loss").floats()
    let start = try AdapterWeights(peft: TinyModel.adapter)
    let adapter = TrainableDyLoRA(
      start, on: base, method: DyLoRA(LoRA(rank: 4), trainsNewestOnly: newestOnly),
      seed: try seed(drawing: [3, 1, 4, 2]))
    let steps = try FixtureSteps(adapter, on: base)
    for step in 0..<4 {
      #expect(abs(try steps.take(step, of: 4) - Double(losses[step])) < 1e-4, "step \(step)")
      guard step == 0 else { continue }
      for (index, site) in base.sites.enumerated() where site.layer == 1 {
        for (part, name) in ["lora_A", "lora_B"].enumerated() {
          let values = adapter.parameters[2 * index + part].values.values
          let wanted = try file.tensor("\(prefix)step1.\(site.path).\(name)").floats()
          #expect(largestDifference(values, wanted) < 1e-4, "\(site.path) \(name)")
        }
      }
    }
    let whole = try adapter.weights()
    for rank in 1...4 {
      let cut = try whole.truncated(to: rank)
      #expect(cut.rank == rank && cut.alpha == whole.alpha)
      let loss = try await base.fixtureLoss(Mix(Adapter(name: "cut", weights: cut)))
      #expect(abs(loss - Double(losses[3 + rank])) < 1e-4, "rank \(rank)")
    }
    // What is measured between steps is the whole.
    #expect(abs(try steps.loss() - Double(losses[7])) < 1e-4)
  }

  @Test func cutToAFewRanksItIsBetterThanALoRACutTheSame() async throws {
    let base = try await TinyModel.load()
    let rows = try TinyModel.data(12).examples(for: base)
    func train(_ method: any AdapterMethod) async throws -> [Double] {
      let options = TrainingOptions(epochs: 12, batchRows: 4, learningRate: 5e-3)
      let result = try await Trainer(base, method: method, options: options).train(on: TinyModel.data(12))
      var byRank: [Double] = []
      for rank in 1...8 {
        let cut = try result.adapter.weights.truncated(to: rank)
        byRank.append(try await base.nll(of: rows, mix: Mix(Adapter(name: "cut", weights: cut))).value)
      }
      return byRank
    }
    let plain = try await train(LoRA(rank: 8))
    let dynamic = try await train(DyLoRA(LoRA(rank: 8)))
    let untouched = try await base.nll(of: rows, mix: .base).value
    #expect(dynamic.allSatisfy { $0 < untouched - 0.3 }, "\(dynamic)")
    for rank in 1...5 { #expect(dynamic[rank - 1] < plain[rank - 1], "\(rank): \(dynamic) \(plain)") }
  }

  @Test func cuttingRefusesARankThatIsNotThere() throws {
    let weights = try AdapterWeights(peft: TinyModel.adapter)
    #expect(throws: TruncationError.rank(5, largest: 4)) { try weights.truncated(to: 5) }
    #expect(throws: TruncationError.rank(0, largest: 4)) { try weights.truncated(to: 0) }
    let vera = try AdapterWeights(peft: MethodFixture.peft("vera"))
    #expect(throws: TruncationError.notLowRank(method: "vera")) { try vera.truncated(to: 1) }
    #expect(throws: MethodError.self) { try MethodSettings(own: ["trains": "some"]).make(DyLoRA.self) }
  }
}
