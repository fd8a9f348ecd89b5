import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

/// Adapters made ready to answer with: what they take, and what they say beside those that training runs on.
@Suite struct PreparedAdapterTests {
  @Compute private func base(_ precision: Precision) async throws -> BaseModel {
    try await BaseModel.load(
      HuggingFaceFolder(TinyModel.folder.appending(path: "model")), name: "tiny", precision: precision)
  }

  @Test(arguments: [Precision.f32, .bf16, .int8], [1, 5, 16])
  @Compute func filesTellWhatAdaptersWillTake(precision: Precision, rank: Int) async throws {
    let base = try await base(precision)
    let adapter = try noisyAdapter("a", on: base, rank: rank, seed: 2)
    try await TinyModel.withFolder { place in
      try adapter.weights.write(to: place, record: AdapterRecord(motet: "test", base: base.identity))
      let expected = try PreparedAdapter.expectedBytes(of: place, for: base)
      #expect(expected == PreparedAdapter(adapter, for: base).byteCount)
      #expect(expected > 0)
    }
  }

  @Test @Compute func filesOfOtherMethodsTellToo() async throws {
    let base = try await base(.int8)
    let adapter = try BottleneckTests.adapter("relu", on: base)
    let expected = try PreparedAdapter.expectedBytes(
      of: BottleneckTests.folder.appending(path: "relu"), for: base)
    #expect(expected == PreparedAdapter(adapter, for: base).byteCount)
  }

  /// An adapter in 8 bits changes the logits as the one in f32 does, within a tenth of what it changes.
  @Test @Compute func eightBitsSayWhatTheAdapterSays() async throws {
    let base = try await base(.int8)
    let adapter = try noisyAdapter("a", on: base, rank: 16, seed: 3)
    let tokens: [Int32] = [5, 17, 80, 33, 9]
    let wide = try base.wholeLogits(tokens, mix: Mix(adapter))
    let bare = try base.wholeLogits(tokens, mix: .base)
    let mix = try BoundMix([(PreparedAdapter(adapter, for: base), 1)], to: base)
    let kept = try base.logits(
      [BatchRow(tokens: tokens, mix: mix)], at: Array(0..<tokens.count), on: base.tape(recording: false)
    ).values
    #expect(largestDifference(wide, bare) > 0.5)
    #expect(largestDifference(wide, kept) < 0.1 * largestDifference(wide, bare))
  }
}
