/// Merges the tokens of one word: always the pair that was learnt first, the leftmost of several, until no
/// pair merges. Source: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units",
/// algorithm 1.
///
/// Words up to ``longWord`` tokens are merged by scanning for the minimum, longer ones with a ``MergeQueue``. Keeps its
/// buffers from word to word.
struct BytePairMerger {
  static let longWord = 48

  let merges: MergeTable.Lookup
  /// Whether ``starts`` follow the tokens.
  let keepsStarts: Bool
  /// The tokens of a word, first those of its characters, after merging the word's.
  var tokens: [Int32] = []
  /// Where in the text each token starts; unused unless ``keepsStarts``.
  var starts: [Int] = []
  private var pairs: [UInt64] = []
  /// Of a long word: the places of each token's neighbours, -1 before the first and the count after the last.
  private var previous: [Int32] = []
  private var next: [Int32] = []
  private var queue = MergeQueue()

  init(_ merges: MergeTable.Lookup, keepsStarts: Bool) {
    self.merges = merges
    self.keepsStarts = keepsStarts
  }

  mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    if keepsStarts { starts.removeAll(keepingCapacity: true) }
  }

  @inline(__always)
  mutating func merge() {
    if tokens.count > Self.longWord {
      mergeLongWord()
    } else if tokens.count > 1 {
      mergeShortWord()
    }
  }

  private mutating func mergeShortWord() {
    pairs.removeAll(keepingCapacity: true)
    for index in 1..<tokens.count { pairs.append(merges[tokens[index - 1], tokens[index]]) }
    while true {
      var first = MergeTable.none
      var at = 0
      // Of several merges of one rank the leftmost comes first, whatever they make.
      for (index, merge) in pairs.enumerated() where merge >> 32 < first >> 32 {
        (first, at) = (merge, index)
      }
      if first == MergeTable.none { return }
      tokens[at] = Int32(truncatingIfNeeded: first)
      tokens.remove(at: at + 1)
      if keepsStarts { starts.remove(at: at + 1) }
      pairs.remove(at: at)
      if at > 0 { pairs[at - 1] = merges[tokens[at - 1], tokens[at]] }
      if at < pairs.count { pairs[at] = merges[tokens[at], tokens[at + 1]] }
    }
  }

  private mutating func mergeLongWord() {
    let count = Int32(tokens.count)
    previous.removeAll(keepingCapacity: true)
    previous.append(contentsOf: -1..<(count - 1))
    next.removeAll(keepingCapacity: true)
    next.append(contentsOf: 1...count)
    queue.removeAll()
    for index in 0..<(count - 1) { push(index, index + 1) }
    while let (rank, position) = queue.pop() {
      // An entry is stale when its pair was merged away; a token that was merged into its left neighbour
      // is marked -1.
      let at = Int(position)
      let right = Int(next[at])
      guard tokens[at] >= 0, right < count else { continue }
      let merge = merges[tokens[at], tokens[right]]
      guard merge != MergeTable.none, merge >> 32 == rank else { continue }
      tokens[at] = Int32(truncatingIfNeeded: merge)
      tokens[right] = -1
      next[at] = next[right]
      if next[at] < count { previous[Int(next[at])] = position }
      // The left one first, so that positions come in ascending order.
      if previous[at] >= 0 { push(previous[at], position) }
      if next[at] < count { push(position, next[at]) }
    }
    var kept = 0
    for index in tokens.indices where tokens[index] >= 0 {
      tokens[kept] = tokens[index]
      if keepsStarts { starts[kept] = starts[index] }
      kept += 1
    }
    tokens.removeLast(tokens.count - kept)
    if keepsStarts { starts.removeLast(starts.count - kept) }
  }

  private mutating func push(_ left: Int32, _ right: Int32) {
    let merge = merges[tokens[Int(left)], tokens[Int(right)]]
    if merge != MergeTable.none { queue.push(rank: merge >> 32, position: left) }
  }
}
