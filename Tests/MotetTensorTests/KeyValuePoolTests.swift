import CKernels
import Testing

@testable import MotetTensor

@Suite struct KeyValuePoolTests {
  private static let shape = AttentionShape(heads: 6, kvHeads: 2, headDimension: 32)
  private static let table = RotaryTable(positions: 1024, headDimension: 32, theta: 10_000)

  /// What attention makes of the rows `range` of one sequence. The plain loops promise no bits, so never by them.
  @Compute private func attend(
    _ values: [Float], _ range: Range<Int>, _ cache: KeyValueCache?, storage: ActivationStorage
  ) -> [Float] {
    let width = Self.shape.packedWidth
    let tape = Tape(recording: false, storage: storage, kernels: .fast)
    let rows = Array(values[range.lowerBound * width..<range.upperBound * width])
    return tape.rotaryAttention(
      Tensor(rows: range.count, columns: width, rows), shape: Self.shape,
      sequences: [SequenceSpan(rows: 0..<range.count, start: range.lowerBound, cache: cache)],
      positions: range.map(Int32.init), table: Self.table, layer: 1
    ).values
  }

  @Compute private func cache(_ storage: ActivationStorage) -> KeyValueCache {
    KeyValueCache(in: KeyValuePool(layers: 2, shape: Self.shape, storage: storage))
  }

  /// The same bits, not only close: what a sequence's rows come to depends on no pass but on positions.
  @Test(arguments: [ActivationStorage.f32, .bf16])
  @Compute func howASequenceIsCutIntoPassesChangesNoBit(storage: ActivationStorage) {
    let count = 600
    let values = floats(count * Self.shape.packedWidth, seed: 5, scale: 2)
    let whole = attend(values, 0..<count, cache(storage), storage: storage)
    let own = cache(storage)
    var parts: [Float] = []
    var start = 0
    for size in [1, 30, 1, 1, 200, 23, 1, 299, 43, 1] {
      parts += attend(values, start..<start + size, own, storage: storage)
      start += size
    }
    #expect(start == count && own.pages.count == 19)
    let isSame = parts == whole
    #expect(isSame)
  }

  @Test @Compute func pagesInBF16AreCloseToF32() {
    let values = floats(300 * Self.shape.packedWidth, seed: 6, scale: 1)
    let wide = attend(values, 0..<300, cache(.f32), storage: .f32)
    let narrow = attend(values, 0..<300, cache(.bf16), storage: .bf16)
    expectClose(narrow, wide, 0.02, "bf16")
    expectClose(wide, attend(values, 0..<300, nil, storage: .f32), 1e-5, "without pages")
  }

  @Test @Compute func aSharedBeginningGivesTheSameAsOneReadAgain() {
    let values = floats(150 * Self.shape.packedWidth, seed: 7, scale: 1)
    let pool = KeyValuePool(layers: 2, shape: Self.shape, storage: .f32)
    let first = KeyValueCache(in: pool)
    let whole = attend(values, 0..<150, first, storage: .f32)
    let second = KeyValueCache(in: pool)
    second.share(Array(first.pages[0..<3]))
    #expect(second.length == 96)
    let rest = attend(values, 96..<150, second, storage: .f32)
    let isSame = rest == Array(whole[(96 * Self.shape.queryWidth)...])
    #expect(isSame)
    #expect(pool.usedPages == 5 + 2)
  }

  @Test @Compute func pagesComeBackWhenTheirLastOwnerLetsGo() {
    let pool = KeyValuePool(layers: 2, shape: Self.shape, storage: .f32, budget: 10 * 2 * 2 * 32 * 64 * 4)
    #expect(pool.pageCount == 10)
    var first: KeyValueCache? = KeyValueCache(in: pool)
    #expect(first?.reserve(33) == true && pool.freePages == 8)
    let second = KeyValueCache(in: pool)
    if let page = first?.pages.first { second.share([page]) }
    #expect(!second.reserve(32 * 11))
    #expect(pool.freePages == 8)
    first = nil
    #expect(pool.freePages == 9)
    #expect(second.reserve(32 * 10) && pool.freePages == 0)
    second.advance(to: 200)
    second.truncate(to: 33)
    #expect(second.pages.count == 2 && second.length == 33 && pool.freePages == 8)
  }

  @Test @Compute func aClearedSequenceHoldsNothingEvenOfWhatItOnlyReserved() {
    let pool = KeyValuePool(layers: 2, shape: Self.shape, storage: .f32, budget: 8 * 2 * 2 * 32 * 64 * 4)
    let cache = KeyValueCache(in: pool)
    #expect(cache.reserve(100) && pool.usedPages == 4)
    // Nothing is written: what only forgets positions has nothing to forget.
    cache.truncate(to: 0)
    #expect(pool.usedPages == 4)
    cache.clear()
    #expect(pool.usedPages == 0 && cache.pages.isEmpty && cache.length == 0)
    let values = floats(70 * Self.shape.packedWidth, seed: 9, scale: 1)
    let fresh = attend(values, 0..<70, KeyValueCache(in: pool), storage: .f32)
    let isSame = attend(values, 0..<70, cache, storage: .f32) == fresh
    #expect(isSame && pool.usedPages == 3)
  }

  /// Memory that a pass has not written may hold anything that an earlier sequence left.
  @Test @Compute func aPageUsedAgainTellsNothingOfItsFormerOwner() {
    let pool = KeyValuePool(layers: 2, shape: Self.shape, storage: .f32, budget: 1)
    let values = floats(20 * Self.shape.packedWidth, seed: 8, scale: 1)
    let infinite = [Float](repeating: .infinity, count: 32 * Self.shape.packedWidth)
    let fresh = attend(values, 0..<20, KeyValueCache(in: pool), storage: .f32)
    _ = attend(infinite, 0..<32, KeyValueCache(in: pool), storage: .f32)
    let again = attend(values, 0..<20, KeyValueCache(in: pool), storage: .f32)
    let isSame = fresh == again && again.allSatisfy(\.isFinite)
    #expect(isSame)
  }
}
