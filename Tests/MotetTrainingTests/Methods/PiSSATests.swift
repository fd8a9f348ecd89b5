import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining
import Testing

@Suite struct PiSSATests {
  private static let method = PiSSA(LoRA(rank: 4, alpha: 6), iterations: 16)

  @Test @Compute func theStartAndAStepAreThoseOfPEFTUpToSigns() async throws {
    let base = try await TinyModel.load()
    let file = try MethodFixture.file("pissa")
    let losses = try file.tensor("loss").floats()
    let steps = try FixtureSteps(try Self.method.begin(on: base, seed: 5), on: base)
    let sites = base.sites.filter { $0.layer == 1 }
    func compare(_ name: String) throws {
      for site in sites {
        let index = 2 * (base.siteIndex[site.path] ?? 0)
        let pair = steps.adapter.parameters[index...index + 1].map(\.values.values)
        let (a, b) = (
          try file.tensor("\(name).\(site.path).lora_A").floats(),
          try file.tensor("\(name).\(site.path).lora_B").floats()
        )
        for direction in 0..<4 {
          let row = direction * site.inputs..<(direction + 1) * site.inputs
          let sign: Float = zip(pair[0][row], a[row]).reduce(0) { $0 + $1.0 * $1.1 } < 0 ? -1 : 1
          let column = stride(from: direction, to: b.count, by: 4)
          #expect(largestDifference(pair[0][row].map { sign * $0 }, Array(a[row])) < 1e-4)
          #expect(largestDifference(column.map { sign * pair[1][$0] }, column.map { b[$0] }) < 1e-4)
        }
      }
    }
    try compare("start")
    #expect(abs(try steps.take(0, of: 2) - Double(losses[0])) < 1e-4)
    try compare("step1")
    #expect(abs(try steps.take(1, of: 2) - Double(losses[1])) < 1e-4)
    #expect(abs(try steps.loss() - Double(losses[2])) < 1e-4)
    // PEFT's own conversion, which was saved after the second step, is the same update.
    let peft = try AdapterWeights(peft: MethodFixture.peft("pissa"))
    let mine = try steps.adapter.weights()
    #expect(mine.rank == 8 && peft.rank == 8)
    #expect(mine.largestDeltaDifference(peft) < 1e-4)
    #expect(
      abs(try await base.fixtureLoss(Mix(Adapter(name: "p", weights: mine))) - Double(losses[2])) < 1e-4)
  }

  @Test(arguments: [Precision.f32, .bf16].filter(\.isAvailable))
  func itBeginsAsTheBaseAndLearns(precision: Precision) async throws {
    let base = try await TinyModel.load(precision)
    let options = TrainingOptions(epochs: 2, batchRows: 4, learningRate: 2e-3)
    let result = try await Trainer(base, method: PiSSA(LoRA(rank: 4, alpha: 4)), options: options)
      .train(on: TinyModel.data(12), evaluation: TinyModel.data(12))
    let untouched = try await base.nll(of: try TinyModel.data(12).examples(for: base), mix: .base)
    let (before, after) = (try #require(result.evalBefore).value, try #require(result.evalAfter).value)
    #expect(before == untouched.value)
    #expect(after < before - 0.3)
    // What was saved is what was trained.
    let again = try await base.nll(of: try TinyModel.data(12).examples(for: base), mix: Mix(result.adapter))
    #expect(abs(again.value - after) < 2e-3)
    #expect(result.adapter.weights.content == nil && result.adapter.weights.rank == 8)
  }

  @Test @Compute func itCountsWhatItTrainsAndRefusesToGoOn() async throws {
    let base = try await TinyModel.load()
    let adapter = try Self.method.begin(on: base, seed: 0)
    #expect(adapter.parameterCount == base.sites.reduce(0) { $0 + 4 * ($1.inputs + $1.outputs) })
    let weights = try adapter.weights()
    let error = #expect(throws: MethodError.self) { try Self.method.continue(weights, on: base) }
    #expect(error.map { "\($0)".contains("leave --method out") } == true)
    #expect(throws: LoRAError.self) { try PiSSA(LoRA(rank: 40)).begin(on: base, seed: 0) }
    #expect(throws: MethodError.self) { try MethodSettings(given: [.dropout]).make(PiSSA.self) }
  }
}
