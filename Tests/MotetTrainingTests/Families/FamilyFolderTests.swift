import Foundation
import MotetAdapters
import MotetFormats
import MotetTensor
import Testing

@testable import MotetModels
@testable import MotetTraining

/// What is written of every family is a model of that family again.
@Suite struct FamilyFolderTests {
  /// A place in `$MOTET_INTEROP_OUTPUT`, for Tests/Fixtures/families_interop.py, or one that is removed.
  private func withPlace(_ name: String, _ body: (URL) async throws -> Void) async throws {
    if let kept = ProcessInfo.processInfo.environment["MOTET_INTEROP_OUTPUT"] {
      return try await body(URL(filePath: kept).appending(path: name))
    }
    let folder = try TrainingFolder()
    try await body(folder.file(name))
  }

  @Test(arguments: FamilyFixture.all)
  func aFusedFolderAnswersAsTheMixDid(fixture: FamilyFixture) async throws {
    let base = try await fixture.load()
    let mix = Mix(try Adapter.load(fixture.adapter, for: base))
    try await withPlace("\(fixture.name)-fused") { place in
      try FusedModel(base, mix: mix).write(to: place, overwriting: true)
      let fused = try await FamilyFixture.load(HuggingFaceFolder(place))
      let logits = try await fused.allLogits(try fixture.tokens("tokens"))
      #expect(relativeDifference(logits, try fixture.values("adapted.logits")) < 1e-4)
    }
  }

  @Test(arguments: FamilyFixture.ggufs)
  func aGGUFIsWrittenAsAFolder(fixture: FamilyFixture) async throws {
    let base = try await FamilyFixture.load(GGUFModel(fixture.gguf))
    try await withPlace("\(fixture.name)-gguf") { place in
      try FusedModel(base, mix: Mix()).write(to: place, overwriting: true)
      let fused = try await FamilyFixture.load(HuggingFaceFolder(place))
      let logits = try await fused.allLogits(try fixture.tokens("tokens"))
      #expect(relativeDifference(logits, try fixture.values("logits")) < 1e-4)
    }
  }

  @Test(arguments: FamilyFixture.all)
  @Compute func aFolderInNF4IsTheModelItWasMadeFrom(fixture: FamilyFixture) async throws {
    let base = try await fixture.load(.nf4)
    let folder = try TrainingFolder()
    try QuantizedModel(base).write(to: folder.file("quantized"))
    let quantized = try await FamilyFixture.load(HuggingFaceFolder(folder.file("quantized")), .nf4)
    let tokens = try fixture.tokens("tokens")
    #expect(quantized.fingerprint() == base.fingerprint())
    #expect(relativeDifference(try quantized.allLogits(tokens), try base.allLogits(tokens)) < 1e-5)
  }
}
