import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import Testing

/// Which adapters a base takes.
@Suite struct AdapterLoadingTests {
  /// Writes an adapter whose record says that it was made for `identity`, and hands out its folder.
  private func withAdapter(
    on base: BaseModel, of identity: BaseIdentity, _ body: (URL) throws -> Void
  ) async throws {
    try await TinyModel.withFolder { place in
      try noisyAdapter("a", on: base, seed: 1).weights.write(
        to: place, record: AdapterRecord(motet: "test", base: identity))
      try body(place)
    }
  }

  @Test func anAdapterOfThisBaseIsTaken() async throws {
    let base = try await TinyModel.load()
    var identity = base.identity
    identity.name = "renamed"
    try await withAdapter(on: base, of: identity) { folder in
      let adapter = try Adapter.load(folder, name: "a", for: base)
      #expect(adapter.record?.base?.name == "renamed")
    }
  }

  @Test func anAdapterOfOtherWeightsIsRefusedByNameUnlessForced() async throws {
    let base = try await TinyModel.load()
    var identity = base.identity
    identity.sketch = identity.sketch.mapValues { $0.map { -$0 } }
    try await withAdapter(on: base, of: identity) { folder in
      let error = try #require(throws: ModelError.self) {
        try Adapter.load(folder, name: "stray", for: base)
      }
      guard case .adapterMismatch("stray", "tiny", let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(reason == "other weights: they differ by 200.0%, more than rounding explains")
      #expect("\(error)".contains("--force"))
      #expect(try Adapter.load(folder, name: "stray", for: base, force: true).name == "stray")
    }
  }

  @Test func anAdapterWithoutARecordIsTakenWhenItsShapesFit() async throws {
    let base = try await TinyModel.load()
    #expect(try Adapter.load(TinyModel.adapter, for: base).record == nil)
  }

  @Test func shapesThatDoNotFitAreRefusedEvenWhenForced() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let site = try noisyWeights(rank: 2, inputs: 64, outputs: 48, seed: 1)
      try AdapterWeights(sites: ["layers.0.self_attn.q_proj": site]).write(to: place)
      #expect(
        throws: ModelError.adapterMisfit(
          adapter: "x", base: "tiny",
          reason: "layers.0.self_attn.q_proj is [64, 64] in the base and [48, 64] in the adapter")
      ) { try Adapter.load(place, name: "x", for: base, force: true) }
      try AdapterWeights(sites: ["layers.7.self_attn.q_proj": site]).write(to: place)
      #expect(
        throws: ModelError.adapterMisfit(
          adapter: "x", base: "tiny",
          reason: "it adapts layers.7.self_attn.q_proj, which the base does not have")
      ) { try Adapter.load(place, name: "x", for: base, force: true) }
    }
  }

  @Test(arguments: [Float.nan, .infinity])
  func anAdapterThatIsNotFiniteIsRefused(value: Float) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "broken")
      try FileManager.default.copyItem(at: TinyModel.adapter, to: folder)
      let file = folder.appending(path: "adapter_model.safetensors")
      var bytes = try Data(contentsOf: file)
      let last = bytes.count - 4
      bytes.replaceSubrange(last..., with: withUnsafeBytes(of: value.bitPattern) { Data($0) })
      try bytes.write(to: file)
      let error = #expect(throws: (any Error).self) { try Adapter.load(folder, for: base) }
      #expect("\(error.map { "\($0)" } ?? "")".contains("lora_"))
    }
  }
}
