import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

/// Adapters made ready to answer with: what they take, and what they say beside those that training runs on.
@Suite struct PreparedAdapterTests {
  /// 8 bits, or what stands in for them where the processor has no unit.
  private static let eightBits = Precision.int8.isAvailable ? Precision.int8 : .f32
  /// 16 bits likewise.
  private static let sixteenBits = Precision.bf16.isAvailable ? Precision.bf16 : .f32

  @Compute private func base(
    _ precision: Precision, _ form: LowRankFactors.Form? = nil
  ) async throws -> BaseModel {
    try await BaseModel.load(
      HuggingFaceFolder(TinyModel.folder.appending(path: "model")), name: "tiny", precision: precision,
      adapterForm: form)
  }

  @Test(
    arguments: [
      (Precision.f32, nil), (sixteenBits, nil), (eightBits, nil), (eightBits, LowRankFactors.Form.int4),
    ], [1, 5, 16])
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
    let base = try await base(Self.eightBits)
    let adapter = try BottleneckTests.adapter("relu", on: base)
    let expected = try PreparedAdapter.expectedBytes(
      of: BottleneckTests.folder.appending(path: "relu"), for: base)
    #expect(expected == PreparedAdapter(adapter, for: base).byteCount)
  }

  private let tokens: [Int32] = [5, 17, 80, 33, 9]

  @Compute private func logits(of adapter: PreparedAdapter, on base: BaseModel) throws -> [Float] {
    let mix = try BoundMix([(adapter, 1)], to: base)
    return try base.logits(
      [BatchRow(tokens: tokens, mix: mix)], at: Array(0..<tokens.count), on: base.tape(recording: false)
    ).values
  }

  /// How much of what an adapter changes in the logits is another change, in the largest.
  @Compute private func error(of adapter: Adapter, on base: BaseModel) throws -> Float {
    let wide = try base.wholeLogits(tokens, mix: Mix(adapter))
    let bare = try base.wholeLogits(tokens, mix: .base)
    let kept = try logits(of: PreparedAdapter(adapter, for: base), on: base)
    #expect(largestDifference(wide, bare) > 0.5)
    return largestDifference(wide, kept) / largestDifference(wide, bare)
  }

  @Test(arguments: [(LowRankFactors.Form.bf16, Float(0.1)), (.int8, 0.1), (.int4, 0.25)])
  @Compute func fewBitsSayWhatTheAdapterSays(form: LowRankFactors.Form, bound: Float) async throws {
    let base = try await base(Self.eightBits, form)
    #expect(base.adapterForm == form)
    #expect(try error(of: noisyAdapter("a", on: base, rank: 16, seed: 3), on: base) < bound)
  }

  /// Ranks that nearly cancel one another, as in an adapter of PiSSA's for the base as it was.
  @Test(arguments: [(LowRankFactors.Form.bf16, Float(0.1)), (.int8, 0.1), (.int4, 0.25)])
  @Compute func ranksThatCancelAreMadeAnew(form: LowRankFactors.Form, bound: Float) async throws {
    let base = try await base(Self.eightBits, form)
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

  @Test(arguments: [(Precision.f32, nil), (eightBits, LowRankFactors.Form.bf16), (eightBits, .int4)])
  @Compute func readOneMatrixAfterAnotherItIsTheSame(
    held: (precision: Precision, form: LowRankFactors.Form?)
  ) async throws {
    let base = try await base(held.precision, held.form)
    let adapter = try noisyAdapter("a", on: base, rank: 5, seed: 4)
    try await TinyModel.withFolder { place in
      try adapter.weights.write(to: place, record: AdapterRecord(motet: "test", base: base.identity))
      let read = try PreparedAdapter.read(place, name: "a", for: base)
      let whole = PreparedAdapter(try Adapter.load(place, for: base), for: base)
      #expect(read.byteCount == whole.byteCount && read.rank == 5 && read.method == "lora")
      let (one, other) = (try logits(of: read, on: base), try logits(of: whole, on: base))
      let isSame = one == other
      #expect(isSame)
    }
  }

  @Test @Compute func anAdapterForAnotherBaseIsNotRead() async throws {
    let base = try await base(Self.eightBits)
    let weights = try noisyAdapter("a", on: base, seed: 4).weights
    func refusal(_ sites: [String: LowRankWeights], _ identity: BaseIdentity?) async throws -> String {
      try await TinyModel.withFolder { place in
        try AdapterWeights(sites: sites).write(
          to: place, record: AdapterRecord(motet: "test", base: identity))
        do {
          _ = try PreparedAdapter.read(place, name: "a", for: base)
          return "read"
        } catch let error as ModelError { return "\(error)" }
      }
    }
    let path = "layers.0.self_attn.q_proj"
    let site = try #require(weights.sites[path])
    let narrow = try LowRankWeights(
      rank: site.rank, inputs: site.inputs, outputs: site.outputs - 1, loraA: site.loraA,
      loraB: Array(site.loraB.dropLast(site.rank)), scale: site.scale)
    #expect(try await refusal(["layers.99.self_attn.q_proj": site], nil).contains("does not have"))
    #expect(try await refusal([path: narrow], nil).contains("in the adapter"))
    #expect(try await refusal([path: site], base.identity) == "read")
    let other = BaseIdentity(
      name: "other", architecture: base.identity.architecture, layers: base.identity.layers + 1,
      hidden: base.identity.hidden, vocabulary: base.identity.vocabulary, sketch: base.identity.sketch)
    #expect(try await refusal([path: site], other) != "read")
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
