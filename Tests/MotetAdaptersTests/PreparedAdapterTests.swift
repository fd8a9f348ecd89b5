import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

/// Adapters made ready to answer with: what they take, and what they say beside those that training runs on.
@Suite struct PreparedAdapterTests {
  @Compute private func base(
    _ precision: Precision, _ form: LowRankFactors.Form? = nil
  ) async throws -> BaseModel {
    try await BaseModel.load(
      HuggingFaceFolder(TinyModel.folder.appending(path: "model")), name: "tiny", precision: precision,
      adapterForm: form)
  }

  @Test(
    arguments: [(Precision.f32, nil), (.bf16, nil), (.int8, nil), (.int8, LowRankFactors.Form.int4)],
    [1, 5, 16])
  @Compute func filesTellWhatAdaptersWillTake(
    held: (precision: Precision, form: LowRankFactors.Form?), rank: Int
  ) async throws {
    let base = try await base(held.precision, held.form)
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

  /// How much of what an adapter changes in the logits is another change, in the largest.
  @Compute private func error(of adapter: Adapter, on base: BaseModel) throws -> Float {
    let tokens: [Int32] = [5, 17, 80, 33, 9]
    let wide = try base.wholeLogits(tokens, mix: Mix(adapter))
    let bare = try base.wholeLogits(tokens, mix: .base)
    let mix = try BoundMix([(PreparedAdapter(adapter, for: base), 1)], to: base)
    let kept = try base.logits(
      [BatchRow(tokens: tokens, mix: mix)], at: Array(0..<tokens.count), on: base.tape(recording: false)
    ).values
    #expect(largestDifference(wide, bare) > 0.5)
    return largestDifference(wide, kept) / largestDifference(wide, bare)
  }

  @Test(arguments: [(LowRankFactors.Form.bf16, Float(0.1)), (.int8, 0.1), (.int4, 0.25)])
  @Compute func fewBitsSayWhatTheAdapterSays(form: LowRankFactors.Form, bound: Float) async throws {
    let base = try await base(.int8, form)
    #expect(base.adapterForm == form)
    #expect(try error(of: noisyAdapter("a", on: base, rank: 16, seed: 3), on: base) < bound)
  }

  /// Ranks that nearly cancel one another, as in an adapter of PiSSA's for the base as it was.
  @Test(arguments: [(LowRankFactors.Form.bf16, Float(0.1)), (.int8, 0.1), (.int4, 0.25)])
  @Compute func ranksThatCancelAreMadeAnew(form: LowRankFactors.Form, bound: Float) async throws {
    let base = try await base(.int8, form)
    let small = try noisyAdapter("a", on: base, rank: 8, seed: 3).weights
    let sites = try small.sites.mapValues { site in
      // B·A = B·(A + C) - B·C, with C a hundred times as large.
      let large = site.loraA.indices.map { Float((($0 &* 7919) % 201) - 100) * 0.01 }
      let loraB = stride(from: 0, to: site.loraB.count, by: site.rank).flatMap { row in
        site.loraB[row..<row + site.rank] + site.loraB[row..<row + site.rank].map { -$0 }
      }
      return try LowRankWeights(
        rank: 2 * site.rank, inputs: site.inputs, outputs: site.outputs,
        loraA: zip(site.loraA, large).map { $0 + 100 * $1 } + large.map { 100 * $0 }, loraB: loraB,
        scale: site.scale)
    }
    let adapter = Adapter(
      name: "a", weights: try AdapterWeights(sites: sites, baseModel: nil, isRankStabilized: false))
    #expect(try error(of: adapter, on: base) < bound)
  }

  @Test func adaptersHaveAboutAsManyBitsAsTheirBase() {
    typealias Form = LowRankFactors.Form
    #expect(Form.suiting(.f32, blocks: .q4_1) == nil)
    #expect(Form.suiting(.bf16, blocks: .q4_1) == .bf16)
    #expect(Form.suiting(.int8, blocks: nil) == .int8)
    #expect(Form.suiting(.stored, blocks: .q8_0) == .int8)
    #expect(Form.suiting(.stored, blocks: .q4_1) == .int4)
  }
}
