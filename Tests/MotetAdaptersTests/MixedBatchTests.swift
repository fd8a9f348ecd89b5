import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@Suite struct MixedBatchTests {
  @Test @Compute func aPEFTAdapterGivesTheLogitsOfPEFT() async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(TinyModel.adapter, for: base)
    for (index, tokens) in try TinyModel.sequences().enumerated() {
      let expected = try TinyModel.tensor("logits.\(index)")
      #expect(largestDifference(try base.wholeLogits(tokens, mix: Mix(adapter)), expected) < 1e-4)
      #expect(largestDifference(try base.wholeLogits(tokens, mix: .base), expected) > 0.1)
    }
  }

  /// Rows of `mixes`, in one batch and each alone: the largest difference of a logit.
  @Compute private func largestError(
    _ base: BaseModel, mixes: [Mix], tokens: (Int) -> [Int32]
  ) throws -> Float {
    var bound: [Mix: BoundMix] = [:]
    for mix in mixes where bound[mix] == nil { bound[mix] = try mix.bound(to: base) }
    let rows = mixes.enumerated().map { BatchRow(tokens: tokens($0), mix: bound[$1] ?? .base) }
    let count = rows.reduce(0) { $0 + $1.tokens.count }
    let batch = try base.logits(rows, at: Array(0..<count), on: Tape(recording: false)).values
    let alone = try mixes.enumerated().flatMap { try base.wholeLogits(tokens($0), mix: $1) }
    return largestDifference(batch, alone)
  }

  @Test @Compute func eachRowOfAMixedBatchGetsWhatItWouldGetAlone() async throws {
    let base = try await TinyModel.load()
    let a = try noisyAdapter("a", on: base, seed: 1)
    let b = try noisyAdapter("b", on: base, rank: 7, seed: 2)
    let mixes: [Mix] = [.base, Mix(a), Mix(b), Mix([(a, 0.5), (b, 0.4)])]
    let orders = [
      [0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 2, 0, 1, 3, 3, 1, 0], [1, 1, 1], [0, 3, 0, 3, 0],
    ]
    for order in orders {
      let worst = try largestError(base, mixes: order.map { mixes[$0] }) { row in
        (0..<3 + row * 2).map { Int32(3 + ($0 * 13 + row * 7) % 280) }
      }
      #expect(worst < 1e-4, "\(order)")
    }
    let tokens: [Int32] = [5, 6, 7]
    let distinct = try mixes.map { try base.wholeLogits(tokens, mix: $0) }
    for first in 0..<4 {
      for second in 0..<first { #expect(largestDifference(distinct[first], distinct[second]) > 1e-2) }
    }
  }

  @Test(.enabled(if: RealModel.isThere))
  @Compute func eachRowOfAMixedBatchOfTheRealModelGetsWhatItWouldGetAlone() async throws {
    let base = try await BaseModel.load(RealModel.name, precision: .f32)
    let a = try noisyAdapter("a", on: base, rank: 16, size: 0.02, seed: 1)
    let b = try noisyAdapter("b", on: base, rank: 8, size: 0.02, seed: 2)
    let mixes: [Mix] = [.base, Mix(a), Mix(b), Mix([(a, 0.5), (b, 0.4)])]
    let texts = ["What is 3/4 of 12?", "def area(r):", "Who wrote Hamlet?", "List three primes."]
    let worst = try largestError(base, mixes: [3, 0, 2, 1].map { mixes[$0] }) { row in
      base.tokenizer.encode(texts[row])
    }
    print("largest difference of a row's logits in a mixed batch: \(worst)")
    #expect(worst < 1e-4)
    let tokens = base.tokenizer.encode(texts[0])
    let plain = try base.wholeLogits(tokens, mix: .base)
    for mix in mixes.dropFirst() {
      #expect(largestDifference(try base.wholeLogits(tokens, mix: mix), plain) > 0.1)
    }
  }

  /// In stored blocks, where steps go through all layers at once: by operators and alone, rows get the same bits.
  @Test(.enabled(if: RealModel.isThere))
  @Compute func stepsOfTheRealModelInStoredBlocksAreWhatTheirOperatorsAre() async throws {
    let base = try await BaseModel.load(RealModel.name, precision: .stored)
    func prepared(_ rank: Int, seed: UInt64) throws -> PreparedAdapter {
      let adapter = try noisyAdapter("a\(rank)", on: base, rank: rank, size: 0.02, seed: seed)
      return PreparedAdapter(adapter, for: base)
    }
    let (a, b) = (try prepared(8, seed: 1), try prepared(16, seed: 2))
    let mixes = [
      BoundMix.base, try BoundMix([(a, 1)], to: base), try BoundMix([(b, 1)], to: base),
      try BoundMix([(a, 0.5), (b, 0.4)], to: base),
    ]
    let texts = ["What is 3/4 of 12?", "def area(r):", "Who wrote Hamlet?", "List three primes."]
    let prompts = texts.map { Array(base.tokenizer.encode($0).prefix(7)) }
    /// Logits after the prompts, and after each of some steps, of the rows that are asked for.
    func steps(_ rows: [Int], joins: Bool) throws -> [[Float]] {
      let pool = base.keyValuePool()
      let caches = rows.map { _ in KeyValueCache(in: pool) }
      return try (0..<4).map { step in
        let batch = zip(rows, caches).map { row, cache -> BatchRow in
          if step == 0 { return BatchRow(tokens: prompts[row], mix: mixes[row], cache: cache) }
          let start = prompts[row].count + step - 1
          return BatchRow(tokens: [Int32(100 * step + row)], mix: mixes[row], start: start, cache: cache)
        }
        var ends = 0
        let last = batch.map { row in
          ends += row.tokens.count
          return ends - 1
        }
        let tape = base.tape(recording: false)
        tape.joinsOperators = joins
        return try base.logits(batch, at: last, on: tape).values
      }
    }
    let joined = try steps([0, 1, 2, 3], joins: true)
    let isSame = try steps([0, 1, 2, 3], joins: false) == joined
    #expect(isSame, "by operators")
    let vocabulary = base.configuration.vocabulary
    for row in 0..<4 {
      let alone = try steps([row], joins: true)
      let own = joined.map { Array($0[row * vocabulary..<(row + 1) * vocabulary]) }
      let isOwn = alone == own
      #expect(isOwn, "row \(row)")
      if row > 0 { #expect(largestDifference(own[0], Array(joined[0].prefix(vocabulary))) > 0.1) }
    }
  }

  @Test @Compute func generatedTogetherOrAloneAnswersAreTheSame() async throws {
    let base = try await TinyModel.load()
    let a = try noisyAdapter("a", on: base, seed: 1)
    let b = try noisyAdapter("b", on: base, seed: 2)
    let bound = try [Mix.base, Mix(a), Mix(b), Mix([(a, 0.5), (b, 0.4)])].map { try $0.bound(to: base) }
    let requests = (0..<8).map { index in
      GenerationRequest(
        prompt: (0...index).map { Int32(3 + $0 * 9) }, mix: bound[index * 3 % 4], maximumTokens: 3 + index,
        ignoresEnd: true)
    }
    let together = try await base.complete(requests, maximumRows: 3)
    for (request, answer) in zip(requests, together) {
      #expect(try await base.complete([request])[0] == answer)
    }
    #expect(Set(together.map { $0.prefix(3) }).count > 4)
  }

  @Test @Compute func blendedMergedAndFusedAgree() async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(TinyModel.adapter, for: base)
    let tokens = try TinyModel.sequences()[2]
    let blended = try base.wholeLogits(tokens, mix: Mix([(adapter, 1)]))
    for method in ["cat", "svd", "linear"] {
      let merged = try Merge.method(named: method).merge([(adapter.weights, 1)])
      let mix = Mix(Adapter(name: method, weights: merged))
      #expect(largestDifference(try base.wholeLogits(tokens, mix: mix), blended) < 1e-4, "\(method)")
    }
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "fused")
      try FusedModel(base, mix: Mix(adapter)).write(to: folder)
      let fused = try await TinyModel.load(folder)
      #expect(largestDifference(try fused.wholeLogits(tokens, mix: .base), blended) < 1e-4)
    }
  }
}

enum RealModel {
  static let name = "smollm2-135m-instruct"
  static var isThere: Bool { (try? ModelStore().find(name)) != nil }
}
