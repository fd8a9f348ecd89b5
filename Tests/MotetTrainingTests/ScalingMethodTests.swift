import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining
import Testing

/// DoRA and IA3 against PEFT, and what they share: files, mixes, fusing, training.
@Suite struct ScalingMethodTests {
  @Test(arguments: [ScalingFixture.dora, .ia3])
  @Compute func logitsAreThoseOfPEFT(fixture: ScalingFixture) async throws {
    let base = try await TinyModel.load()
    let mix = Mix(try Adapter.load(fixture.adapter, for: base))
    for (index, tokens) in try ScalingFixture.sequences().enumerated() {
      let wanted = try fixture.tensor("logits.\(index)")
      #expect(largestDifference(try base.wholeLogits(tokens, mix: mix), wanted) < 1e-4)
      #expect(largestDifference(try base.wholeLogits(tokens, mix: .base), wanted) > 0.1)
    }
  }

  @Test @Compute func aStepOfDoRAIsThatOfPEFT() async throws {
    let base = try await TinyModel.load()
    let start = try Adapter.load(ScalingFixture.dora.adapter, for: base).weights
    let adapter = try DoRA().continue(start, on: base)
    #expect(abs(try base.takeFixtureStep(adapter) - ScalingFixture.dora.loss()) < 1e-4)
    let made = try adapter.weights()
    for site in base.sites {
      let update = try #require(made.sites[site.path])
      let m = try #require(made.content?.tensors[site.path]?.values)
      for (own, key) in [(update.loraA, "lora_A"), (update.loraB, "lora_B"), (m, "lora_magnitude_vector")] {
        let wanted = try ScalingFixture.dora.tensor("step1.\(site.path).\(key)")
        #expect(largestDifference(own, wanted) < 1e-4, "\(site.path) \(key)")
      }
      let before = try #require(start.content?.tensors[site.path]?.values)
      #expect(largestDifference(m, before) > 5e-4)
    }
  }

  @Test @Compute func aStepOfIA3IsThatOfPEFT() async throws {
    let base = try await TinyModel.load()
    let start = try Adapter.load(ScalingFixture.ia3.adapter, for: base).weights
    let adapter = try IA3().continue(start, on: base)
    #expect(abs(try base.takeFixtureStep(adapter) - ScalingFixture.ia3.loss()) < 1e-4)
    let tensors = try #require(try adapter.weights().content).tensors
    #expect(tensors.count == 6)
    for (path, tensor) in tensors {
      #expect(largestDifference(tensor.values, try ScalingFixture.ia3.tensor("step1.\(path).ia3_l")) < 1e-4)
    }
  }

  @Test(arguments: [ScalingFixture.dora, .ia3])
  func foldersAreReadAndWrittenAsPEFTHasThem(fixture: ScalingFixture) throws {
    let folder = try TrainingFolder()
    let weights = try AdapterWeights(peft: fixture.adapter)
    #expect(weights.method.name == fixture.name)
    try weights.write(to: folder.file("again"))
    let again = try AdapterWeights(peft: folder.file("again"))
    #expect(again.sites == weights.sites)
    #expect(again.content == weights.content)
    #expect(again.parameterCount == weights.parameterCount)
  }

  @Test(arguments: [ScalingFixture.dora, .ia3])
  @Compute func theFusedModelIsTheMix(fixture: ScalingFixture) async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(fixture.adapter, for: base)
    let plain = try Adapter.load(TinyModel.adapter, for: base)
    let tokens = try ScalingFixture.sequences()[2]
    for mix in [Mix(adapter), Mix([(adapter, 0.6), (plain, 0.5)])] {
      let folder = try TrainingFolder()
      try FusedModel(base, mix: mix).write(to: folder.file("fused"))
      let source = try HuggingFaceFolder(folder.file("fused"))
      let fused = try await BaseModel.load(source, name: "fused", precision: .f32)
      let wanted = try base.wholeLogits(tokens, mix: mix)
      #expect(largestDifference(try fused.wholeLogits(tokens, mix: .base), wanted) < 1e-4)
    }
  }

  @Test @Compute func rowsOfAllMethodsSideBySideAreTheRowsAlone() async throws {
    let base = try await TinyModel.load()
    let dora = try Adapter.load(ScalingFixture.dora.adapter, for: base)
    let ia3 = try Adapter.load(ScalingFixture.ia3.adapter, for: base)
    let plain = try Adapter.load(TinyModel.adapter, for: base)
    let mixes = [
      Mix(dora), Mix(ia3), .base, Mix(plain), Mix([(dora, 0.5), (plain, 0.5)]),
      Mix([(ia3, 0.5), (plain, 1)]),
    ]
    let rows = try mixes.enumerated().map { index, mix in
      BatchRow(
        tokens: (0..<5 + index).map { Int32(3 + ($0 * 13 + index * 7) % 280) }, mix: try mix.bound(to: base))
    }
    let count = rows.reduce(0) { $0 + $1.tokens.count }
    let together = try base.logits(rows, at: Array(0..<count), on: Tape(recording: false)).values
    let alone = try rows.flatMap { row in
      try base.logits([row], at: Array(row.tokens.indices), on: Tape(recording: false)).values
    }
    #expect(largestDifference(together, alone) < 1e-4)
  }

  @Test @Compute func whatIsNoSumIsRefusedWithAReason() async throws {
    let base = try await TinyModel.load()
    let dora = try Adapter.load(ScalingFixture.dora.adapter, for: base)
    let ia3 = try Adapter.load(ScalingFixture.ia3.adapter, for: base)
    let error = #expect(throws: MethodError.self) { try Mix([(dora, 0.5), (ia3, 0.5)]).bound(to: base) }
    #expect(error?.description.contains("layers.0.mlp.down_proj") == true)
    for adapter in [dora, ia3] {
      #expect(throws: MethodError.self) { try Mix(adapter).require(.merge) }
      #expect(throws: (any Error).self) { try Merge.method(named: "cat").merge([(adapter.weights, 1)]) }
    }
    let settings = MethodSettings(own: ["feedforward": "gate_proj"])
    #expect(throws: MethodError.self) { try settings.make(IA3.self) }
    var given = LoRA()
    given.targets = .modules(["gate_proj"])
    let gate = MethodSettings(shape: given, given: [.targets], own: ["feedforward": "gate_proj"])
    let shared = #expect(throws: MethodError.self) { try gate.make(IA3.self).sites(of: base) }
    #expect(shared?.description.contains("gate_proj") == true)
    #expect(throws: MethodError.self) { try MethodSettings(given: [.rank]).make(IA3.self) }
  }

  @Test @Compute func aFreshAdapterIsTheBaseItself() async throws {
    let base = try await TinyModel.load()
    let tokens = try ScalingFixture.sequences()[0]
    let wanted = try base.wholeLogits(tokens, mix: .base)
    for method in [DoRA(LoRA(rank: 4)) as any AdapterMethod, IA3()] {
      let weights = try method.begin(on: base, seed: 1).weights()
      let mix = Mix(Adapter(name: "fresh", weights: weights))
      #expect(largestDifference(try base.wholeLogits(tokens, mix: mix), wanted) < 1e-5)
    }
  }

  @Test @Compute func doraGoesOnFromPlainLoRAAsItIs() async throws {
    let base = try await TinyModel.load()
    let plain = try Adapter.load(TinyModel.adapter, for: base)
    let tokens = try ScalingFixture.sequences()[1]
    let weights = try DoRA().continue(plain.weights, on: base).weights()
    let mix = Mix(Adapter(name: "dora", weights: weights))
    let wanted = try base.wholeLogits(tokens, mix: Mix(plain))
    #expect(largestDifference(try base.wholeLogits(tokens, mix: mix), wanted) < 1e-4)
    #expect(throws: MethodError.self) { try IA3().continue(plain.weights, on: base) }
  }
}
