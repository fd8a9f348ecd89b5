import Testing

@testable import MotetTensor

/// Attention over pages by rules other than Llama's.
@Suite struct CachedRuleTests {
  private static func rules(_ shape: AttentionShape) -> [AttentionRule] {
    [
      AttentionRule(shape, window: 100), AttentionRule(shape, window: 1, scale: 0.3),
      AttentionRule(shape, window: 257, softcap: 5), AttentionRule(shape, softcap: 3, rotated: 0),
      AttentionRule(shape, window: 64, scale: 0.5, softcap: 2, rotated: shape.headDimension / 4 * 2),
    ]
  }
  private static let sizes = [1, 30, 1, 1, 200, 23, 1, 299, 43, 1]

  /// What attention makes of the rows `range` of one sequence.
  @Compute private func attend(
    _ rule: AttentionRule, _ values: [Float], _ range: Range<Int>, _ cache: KeyValueCache?,
    storage: ActivationStorage = .f32, kernels: Kernels = .fast
  ) -> [Float] {
    let width = rule.shape.packedWidth
    let tape = Tape(recording: false, storage: storage, kernels: kernels)
    let rows = Array(values[range.lowerBound * width..<range.upperBound * width])
    return tape.rotaryAttention(
      Tensor(rows: range.count, columns: width, rows), rule: rule,
      sequences: [SequenceSpan(rows: 0..<range.count, start: range.lowerBound, cache: cache)],
      positions: range.map(Int32.init), table: AttentionRuleTests.table(rule), layer: 1
    ).values
  }

  @Compute private func cache(_ rule: AttentionRule, _ storage: ActivationStorage) -> KeyValueCache {
    KeyValueCache(in: KeyValuePool(layers: 2, shape: rule.shape, storage: storage))
  }

  /// Whole sequences without pages say what is expected.
  @Test(arguments: [(4, 2, 16), (8, 1, 24), (2, 2, 80)], [Kernels.fast, .reference])
  @Compute func passesThroughACacheEqualTheWhole(
    sizes: (heads: Int, kvHeads: Int, dimension: Int), kernels: Kernels
  ) {
    let shape = AttentionShape(heads: sizes.heads, kvHeads: sizes.kvHeads, headDimension: sizes.dimension)
    let passes = kernels == .fast ? Self.sizes : [1, 30, 1, 100]
    let count = passes.reduce(0, +)
    let values = floats(count * shape.packedWidth, seed: 5, scale: 2)
    for (index, rule) in Self.rules(shape).enumerated() {
      let own = cache(rule, .f32)
      var (parts, start): ([Float], Int) = ([], 0)
      for size in passes {
        parts += attend(rule, values, start..<start + size, own, kernels: kernels)
        start += size
      }
      expectClose(parts, attend(rule, values, 0..<count, nil, kernels: kernels), 1e-5, "rule \(index)")
    }
  }

  /// The same bits, not only close, by every rule.
  @Test(arguments: [ActivationStorage.f32, .bf16])
  @Compute func howASequenceIsCutIntoPassesChangesNoBit(storage: ActivationStorage) {
    let shape = AttentionShape(heads: 6, kvHeads: 2, headDimension: 32)
    let count = Self.sizes.reduce(0, +)
    let values = floats(count * shape.packedWidth, seed: 6, scale: 2)
    for (index, rule) in Self.rules(shape).enumerated() {
      let whole = attend(rule, values, 0..<count, cache(rule, storage), storage: storage)
      let own = cache(rule, storage)
      var (parts, start): ([Float], Int) = ([], 0)
      for size in Self.sizes {
        parts += attend(rule, values, start..<start + size, own, storage: storage)
        start += size
      }
      let isSame = parts == whole
      #expect(isSame, "rule \(index)")
    }
  }

  @Test @Compute func aWindowAsLongAsTheSequenceTakesNothingAway() {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 16)
    let values = floats(300 * shape.packedWidth, seed: 7)
    let plain = AttentionRule(shape)
    let whole = attend(plain, values, 0..<300, cache(plain, .f32))
    let wide = AttentionRule(shape, window: 300)
    let isSame = attend(wide, values, 0..<300, cache(wide, .f32)) == whole
    #expect(isSame)
    let narrow = AttentionRule(shape, window: 299)
    #expect(attend(narrow, values, 0..<300, cache(narrow, .f32)) != whole)
  }

  /// Pages before every query's window hold what would spoil the result.
  @Test @Compute func pagesThatNoQuerySeesAreNotRead() {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 16)
    let rule = AttentionRule(shape, window: 50)
    var values = floats(400 * shape.packedWidth, seed: 8)
    let own = cache(rule, .f32)
    let expected = attend(rule, values, 350..<352, filled(own, rule, values))
    for index in 0..<288 * shape.packedWidth { values[index] = .nan }
    let isSame = attend(rule, values, 350..<352, filled(cache(rule, .f32), rule, values)) == expected
    #expect(isSame && expected.allSatisfy { $0.isFinite })
  }

  /// A cache that holds the first 350 rows.
  @Compute private func filled(_ cache: KeyValueCache, _ rule: AttentionRule, _ values: [Float])
    -> KeyValueCache
  {
    _ = attend(rule, values, 0..<350, cache)
    return cache
  }
}
