/// A walk through a vocabulary that finds the tokens that lead somewhere from a position, and may pause.
struct TrieWalk {
  enum Outcome {
    case done
    case paused
    /// It meets so many new positions that walking the places one by one is faster.
    case scattered
  }

  private(set) var words: [UInt64]
  private let trie: TokenTrie
  private var node = 0
  /// By depth: the numbers of the positions on the way to `node`, and themselves while it pauses.
  private var path: [Int32]
  private var held: [TextPosition]
  private var generation = -1
  /// Positions that were new to it in the pieces before this one.
  private var made = 0

  /// New positions after which a walk counts as scattered.
  private static let manyPositions = 2_000

  init(from start: TextPosition, _ trie: TokenTrie) {
    self.trie = trie
    words = [UInt64](repeating: 0, count: (trie.vocabulary + 63) / 64)
    path = [Int32](repeating: PositionTable.nowhere, count: trie.deepest + 1)
    held = [start]
  }

  /// - Parameters:
  ///   - limit: bytes beyond which the table is emptied
  ///   - mayScatter: whether it may end as scattered
  ///   - end: when it pauses; nil for never
  mutating func proceed(
    _ table: inout PositionTable, limit: Int, mayScatter: Bool, until end: ContinuousClock.Instant?
  ) -> Outcome {
    let before = table.made
    if generation != table.generation { resume(&table) }
    let count = trie.bytes.count
    var (unchecked, checked) = (0, table.made)
    while node < count {
      unchecked += 1
      if unchecked & 1023 == 0 || table.made - checked >= 64 {
        checked = table.made
        if mayScatter, made + table.made - before > Self.manyPositions { return .scattered }
        if table.memory > limit {
          hold(table)
          table.clear()
          resume(&table)
          made += table.made - before
          return .paused
        }
        if let end, ContinuousClock.now >= end {
          hold(table)
          made += table.made - before
          return .paused
        }
      }
      let depth = Int(trie.depths[node])
      let next = table.step(path[depth - 1], trie.bytes[node])
      guard next != PositionTable.nowhere else {
        node = Int(trie.ends[node])
        continue
      }
      path[depth] = next
      for index in trie.firsts[node]..<trie.firsts[node + 1] {
        let token = Int(trie.tokens[Int(index)])
        words[token >> 6] |= 1 << UInt64(token & 63)
      }
      node += 1
    }
    return .done
  }

  private mutating func hold(_ table: PositionTable) {
    held = path.prefix(Int(trie.depths[node])).map { table.positions[Int($0)] }
  }

  private mutating func resume(_ table: inout PositionTable) {
    for (depth, position) in held.enumerated() { path[depth] = table.number(of: position) }
    generation = table.generation
  }
}
