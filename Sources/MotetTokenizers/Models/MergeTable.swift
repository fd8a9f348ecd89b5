/// Which pairs of tokens merge, how early, and into what: an open-addressing hash table.
///
/// A value packs the merge's rank (high 32 bits) and the token it makes (low 32 bits), so that of two merges
/// the earlier one is the smaller number.
struct MergeTable: Sendable {
  /// The value of a pair that does not merge: later than every merge.
  static let none = UInt64.max

  private var slots: [(pair: UInt64, merge: UInt64)]
  private let shift: UInt64
  private let mask: Int

  /// An empty table with room for `capacity` merges at a load of at most one half.
  init(capacity: Int) {
    var bits = 4
    while 1 << bits < 2 * capacity { bits += 1 }
    slots = Array(repeating: (Self.none, Self.none), count: 1 << bits)
    shift = UInt64(64 - bits)
    mask = 1 << bits - 1
  }

  /// Records a merge; a pair recorded before is replaced. At most `capacity` pairs may be recorded.
  mutating func insert(left: Int32, right: Int32, rank: Int, result: Int32) {
    let pair = Self.key(left, right)
    let slot = slots.withUnsafeBufferPointer { self.slot(of: pair, in: $0) }
    slots[slot] = (pair, UInt64(rank) << 32 | UInt64(UInt32(bitPattern: result)))
  }

  /// The pairs in the order they were learnt.
  var pairs: [(left: Int32, right: Int32)] {
    slots.filter { $0.pair != Self.none }.sorted { $0.merge < $1.merge }.map {
      (Int32(truncatingIfNeeded: $0.pair >> 32), Int32(truncatingIfNeeded: $0.pair))
    }
  }

  /// Runs `body` with a view of the table that looks pairs up.
  @inline(__always)
  func withLookup<Result>(_ body: (Lookup) -> Result) -> Result {
    slots.withUnsafeBufferPointer { body(Lookup(table: self, slots: $0)) }
  }

  /// The table while its storage is pinned: one multiplication and, mostly, one memory access a look-up.
  struct Lookup {
    fileprivate let table: MergeTable
    fileprivate let slots: UnsafeBufferPointer<(pair: UInt64, merge: UInt64)>

    /// Rank and result of the pair's merge, or ``MergeTable/none``.
    @inline(__always)
    subscript(left: Int32, right: Int32) -> UInt64 {
      slots[table.slot(of: MergeTable.key(left, right), in: slots)].merge
    }
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func slot(of pair: UInt64, in slots: UnsafeBufferPointer<(pair: UInt64, merge: UInt64)>) -> Int {
    var slot = Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) >> shift)
    while slots[slot].pair != pair, slots[slot].pair != Self.none { slot = (slot + 1) & mask }
    return slot
  }
}
