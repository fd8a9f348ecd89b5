/// The pairs of a long word that may merge, the pair that was learnt first at the front, the leftmost of several.
///
/// One bucket of positions for each rank. Positions mostly come in ascending order, so a bucket is taken from front to
/// back: pushing and popping n pairs is linear for text that repeats itself, as a run of white space does, and
/// O(n log n) at worst.
struct MergeQueue {
  private struct Bucket {
    /// Ascending from ``next`` on once ``isStarted``.
    var positions: [Int32] = []
    var next = 0
    var isSorted = true
    var isStarted = false
    /// Positions that came too late for their place among ``positions``.
    var late = MinHeap()

    var isEmpty: Bool { next == positions.count && late.isEmpty }

    mutating func push(_ position: Int32) {
      if isStarted, let last = positions.last, position < last { return late.push(UInt64(position)) }
      if let last = positions.last, position < last { isSorted = false }
      positions.append(position)
    }

    mutating func pop() -> Int32 {
      if !isStarted {
        if !isSorted { positions.sort() }
        isStarted = true
      }
      if let first = late.first, next == positions.count || first < UInt64(positions[next]) {
        late.pop()
        return Int32(truncatingIfNeeded: first)
      }
      next += 1
      return positions[next - 1]
    }

    mutating func clear() {
      positions.removeAll(keepingCapacity: true)
      (next, isSorted, isStarted) = (0, true, false)
    }
  }

  private var buckets: [Bucket] = []
  private var places: [UInt64: Int] = [:]
  /// Ranks whose buckets hold something, with the place of the bucket in the low 32 bits.
  private var ranks = MinHeap()
  /// Most pairs have the rank of the pair before.
  private var last: (rank: UInt64, place: Int)?

  mutating func removeAll() {
    buckets.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    ranks.removeAll()
    last = nil
  }

  mutating func push(rank: UInt64, position: Int32) {
    let place = place(of: rank)
    if buckets[place].isEmpty {
      buckets[place].clear()
      ranks.push(rank << 32 | UInt64(place))
    }
    buckets[place].push(position)
  }

  mutating func pop() -> (rank: UInt64, position: Int32)? {
    guard let first = ranks.first else { return nil }
    let place = Int(first & 0xFFFF_FFFF)
    let position = buckets[place].pop()
    if buckets[place].isEmpty { ranks.pop() }
    return (first >> 32, position)
  }

  private mutating func place(of rank: UInt64) -> Int {
    if let last, last.rank == rank { return last.place }
    let place: Int
    if let known = places[rank] {
      place = known
    } else {
      place = buckets.count
      buckets.append(Bucket())
      places[rank] = place
    }
    last = (rank, place)
    return place
  }
}

/// A binary heap, smallest first. Push and pop: O(log n).
private struct MinHeap {
  private var keys: [UInt64] = []

  var isEmpty: Bool { keys.isEmpty }
  var first: UInt64? { keys.first }

  mutating func removeAll() { keys.removeAll(keepingCapacity: true) }

  mutating func push(_ key: UInt64) {
    var hole = keys.count
    keys.append(key)
    while hole > 0, keys[(hole - 1) / 2] > key {
      keys[hole] = keys[(hole - 1) / 2]
      hole = (hole - 1) / 2
    }
    keys[hole] = key
  }

  mutating func pop() {
    guard let last = keys.popLast(), !keys.isEmpty else { return }
    var hole = 0
    while true {
      var child = 2 * hole + 1
      if child >= keys.count { break }
      if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
      if keys[child] >= last { break }
      keys[hole] = keys[child]
      hole = child
    }
    keys[hole] = last
  }
}
