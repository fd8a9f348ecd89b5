import Foundation
import MotetAdapters
import MotetFormats
import MotetTensor
import Testing

@testable import MotetModels
@testable import MotetTraining

/// Every method trains on every family, is kept, and is written into it where it can be.
@Suite struct FamilyMethodTests {
  private static let methods = AdapterMethods.all.map { $0.name }

  @Test(arguments: FamilyFixture.plain, methods)
  @Compute func aMethodLearnsAndIsKept(fixture: FamilyFixture, method: String) async throws {
    let base = try await fixture.load()
    let tokens = try fixture.tokens("tokens")
    // What suits a model this small, and a rate this high.
    let own = ["bottleneck": ["bottleneck": "4"], "sora": ["sparsity": "0.1"]]
    var settings = MethodSettings(own: own[method] ?? [:])
    settings.shape.rank = 2
    let made = try settings.make(AdapterMethods.named(method))
    let adapter = try made.begin(on: base, seed: 3)
    let optimizer = AdamW(adapter.parameters, options: AdamW.Options())
    let (before, steps) = (base.fingerprint(), 20)
    var losses: [Double] = []
    for step in 0..<steps {
      try adapter.beginStep(step, of: steps)
      losses.append(try base.meanLoss(tokens, mix: adapter.mix, recording: true))
      adapter.gatherGradients()
      optimizer.step(learningRate: 1e-2, gradientScale: 1)
      try adapter.finishStep(learningRate: 1e-2)
    }
    #expect(losses.last ?? .infinity < losses[0] - 0.002, "\(losses)")
    #expect(base.fingerprint() == before)

    let folder = try TrainingFolder()
    try adapter.weights().write(to: folder.file("adapter"), record: nil)
    let mix = Mix(try Adapter.load(folder.file("adapter"), for: base))
    let kept = try base.allLogits(tokens, mix: mix.bound(to: base))
    #expect(relativeDifference(kept, try base.allLogits(tokens, mix: adapter.mix)) < 2e-3)
    guard (try? mix.require(.fuse)) != nil else { return }
    try FusedModel(base, mix: mix).write(to: folder.file("fused"))
    let fused = try await FamilyFixture.load(HuggingFaceFolder(folder.file("fused")))
    #expect(relativeDifference(try fused.allLogits(tokens), kept) < 2e-3)
  }

  @Test(arguments: FamilyFixture.plain, Precision.allCases)
  @Compute func aPrecisionIsNearTheModel(fixture: FamilyFixture, precision: Precision) async throws {
    guard precision.isAvailable, precision != .stored else { return }
    let base = try await fixture.load(precision)
    let tokens = try fixture.tokens("tokens")
    let exact = try await fixture.load()
    let difference = relativeDifference(try base.allLogits(tokens), try exact.allLogits(tokens))
    let bound: Float =
      switch precision {
      case .f32, .stored: 1e-6
      case .bf16: 0.05
      case .int8: 0.1
      case .nf4: 0.8
      }
    #expect(difference <= bound, "\(difference)")
  }
}
