/// Merges the tokens of one word: always the pair that was learnt first, the leftmost of several, until no
/// pair merges. Source: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units",
/// algorithm 1.
///
/// Words up to ``longWord`` tokens are merged by scanning for the minimum, longer ones with a heap in
/// O(n log n). Keeps its buffers from word to word.
struct BytePairMerger {
  static let longWord = 48

  let merges: MergeTable.Lookup
  private var tokens: [Int32] = []
  private var pairs: [UInt64] = []
  private var previous: [Int] = []
  private var next: [Int] = []
  private var heap = MinHeap()

  init(_ merges: MergeTable.Lookup) {
    self.merges = merges
  }

  /// Appends the tokens of `word` to `output`. `byteTokens` holds each byte's token, -1 for a byte the
  /// vocabulary lacks, which is left out as Hugging Face `tokenizers` leaves it out.
  mutating func append(
    _ word: Slice<UnsafeBufferPointer<UInt8>>, byteTokens: [Int32], to output: inout [Int32]
  ) {
    tokens.removeAll(keepingCapacity: true)
    for byte in word {
      let token = byteTokens[Int(byte)]
      if token >= 0 { tokens.append(token) }
    }
    if tokens.count > Self.longWord {
      mergeLongWord()
    } else if tokens.count > 1 {
      mergeShortWord()
    }
    output.append(contentsOf: tokens)
  }

  private mutating func mergeShortWord() {
    pairs.removeAll(keepingCapacity: true)
    for index in 1..<tokens.count { pairs.append(merges[tokens[index - 1], tokens[index]]) }
    while true {
      var first = MergeTable.none
      var at = 0
      for (index, merge) in pairs.enumerated() where merge < first { (first, at) = (merge, index) }
      if first == MergeTable.none { return }
      tokens[at] = Int32(truncatingIfNeeded: first)
      tokens.remove(at: at + 1)
      pairs.remove(at: at)
      if at > 0 { pairs[at - 1] = merges[tokens[at - 1], tokens[at]] }
      if at < pairs.count { pairs[at] = merges[tokens[at], tokens[at + 1]] }
    }
  }

  private mutating func mergeLongWord() {
    let count = tokens.count
    previous = Array(-1..<(count - 1))
    next = Array(1...count)
    heap.removeAll()
    for index in 0..<(count - 1) { push(index, index + 1) }
    while let (rank, at) = heap.pop() {
      // An entry is stale when its pair was merged away; a token that was merged into its left neighbour
      // is marked -1.
      let right = next[at]
      guard tokens[at] >= 0, right < count else { continue }
      let merge = merges[tokens[at], tokens[right]]
      guard merge != MergeTable.none, merge >> 32 == rank else { continue }
      tokens[at] = Int32(truncatingIfNeeded: merge)
      tokens[right] = -1
      next[at] = next[right]
      if next[at] < count {
        previous[next[at]] = at
        push(at, next[at])
      }
      if previous[at] >= 0 { push(previous[at], at) }
    }
    tokens.removeAll { $0 < 0 }
  }

  private mutating func push(_ left: Int, _ right: Int) {
    let merge = merges[tokens[left], tokens[right]]
    if merge != MergeTable.none { heap.push(rank: merge >> 32, position: left) }
  }
}

/// A binary heap of (rank, position), smallest first: the rank, then the position. Push and pop: O(log n).
private struct MinHeap {
  private var keys: [UInt64] = []

  mutating func removeAll() { keys.removeAll(keepingCapacity: true) }

  mutating func push(rank: UInt64, position: Int) {
    let key = rank << 32 | UInt64(position)
    var hole = keys.count
    keys.append(key)
    while hole > 0, keys[(hole - 1) / 2] > key {
      keys[hole] = keys[(hole - 1) / 2]
      hole = (hole - 1) / 2
    }
    keys[hole] = key
  }

  mutating func pop() -> (rank: UInt64, position: Int)? {
    guard let first = keys.first, let last = keys.popLast() else { return nil }
    if !keys.isEmpty {
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
    return (first >> 32, Int(first & 0xFFFF_FFFF))
  }
}
