import Testing

@testable import MotetTensor

@Suite struct ExactMemoryTests {
  private static let huge = 2 << 20

  /// Below, at and above the system's pages, small and large.
  @Test(arguments: [0, 1, 63, 64, 65, 4095, 4096, 4097, huge - 1, huge, huge + 1, 2 * huge + 12_345])
  func allThatWasAskedForIsThereAndZero(count: Int) {
    let memory = ExactMemory(count: count)
    #expect(memory.byteCount == count)
    #expect(UInt(bitPattern: memory.pointer) % (count >= Self.huge ? UInt(Self.huge) : 64) == 0)
    let isZero = memory.data(0..<count).allSatisfy { $0 == 0 }
    #expect(isZero)
    guard count > 0 else { return }
    let own = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
    own.withUnsafeBytes { memory.take($0, at: 0..<count) }
    let isSame = memory.data(0..<count).elementsEqual(own)
    #expect(isSame)
  }

  @Test func noneReachesIntoAnother() {
    let sizes = [100, 4097, 64, 5120, 1, Self.huge + 1, 4095, 15_360]
    let memories = (0..<64).map { ExactMemory(count: sizes[$0 % sizes.count]) }
    for (index, memory) in memories.enumerated() {
      memory.pointer.initializeMemory(as: UInt8.self, repeating: UInt8(index + 1), count: memory.byteCount)
    }
    for (index, memory) in memories.enumerated() {
      let isOwn = memory.data(0..<memory.byteCount).allSatisfy { $0 == UInt8(index + 1) }
      #expect(isOwn, "\(index)")
    }
  }

  // MARK: Pages of keys and values

  /// Pages of 15,360 bytes: three layers of one head of 20, none of it a multiple of the system's pages.
  private static let odd = AttentionShape(heads: 3, kvHeads: 1, headDimension: 20)

  @Test @Compute func aBudgetHoldsAsManyPagesAsFitByTheirExactSize() {
    let bytes = KeyValuePool(layers: 3, shape: Self.odd, storage: .f32).pageBytes
    #expect(bytes % 4096 != 0)
    for (budget, count) in [(7 * bytes, 7), (8 * bytes - 1, 7), (8 * bytes, 8), (bytes - 1, 1)] {
      let pool = KeyValuePool(layers: 3, shape: Self.odd, storage: .f32, budget: budget)
      #expect(pool.pageCount == count)
      let cache = KeyValueCache(in: pool)
      #expect(cache.reserve(count * KeyValuePool.pageTokens))
      #expect(!cache.reserve(count * KeyValuePool.pageTokens + 1))
      let places = cache.pages.map { UInt(bitPattern: $0.pointer) }.sorted()
      #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 >= UInt(bytes) })
    }
  }

  @Test @Compute func whatOnePageHoldsNoOtherChanges() {
    let pool = KeyValuePool(layers: 3, shape: Self.odd, storage: .f32)
    let table = RotaryTable(positions: 256, headDimension: 20, theta: 10_000)
    let values = floats(150 * Self.odd.packedWidth, seed: 11, scale: 1)
    let caches = (0..<3).map { _ in KeyValueCache(in: pool) }
    /// Every layer of a sequence at once, so that its pages are full.
    func read(_ cache: KeyValueCache?, _ layer: Int) -> [Float] {
      Tape(recording: false, storage: .f32, kernels: .fast).rotaryAttention(
        Tensor(rows: 150, columns: Self.odd.packedWidth, values), shape: Self.odd,
        sequences: [SequenceSpan(rows: 0..<150, start: 0, cache: cache)],
        positions: (0..<150).map(Int32.init),
        table: table, layer: layer
      ).values
    }
    let plain = read(nil, 0)
    for layer in 0..<3 {
      for cache in caches { expectClose(read(cache, layer), plain, 1e-5, "layer \(layer)") }
    }
    let first = caches[0].rows(ofLayer: 0, count: 150)
    for cache in caches {
      for layer in 0..<3 {
        let held = cache.rows(ofLayer: layer, count: 150)
        let isSame = held.keys == first.keys && held.values == first.values
        #expect(isSame)
      }
    }
  }
}
