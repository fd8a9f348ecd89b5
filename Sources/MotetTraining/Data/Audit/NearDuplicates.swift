/// Finds texts that nearly repeat an earlier one: at least 80% of the runs of three words that either has are
/// in both.
///
/// Candidates share a band of their MinHash signatures (``MinHash``); each is read again and compared exactly, so
/// what is reported is so, and about one pair in twenty at the threshold itself is missed. 68 bytes a text stay in
/// memory, and the time is linear: within a band a text is compared with at most eight before it.
struct NearDuplicates {
  static let threshold = 0.8
  private static let comparedWith = 8

  struct Pair {
    let position: Int
    /// What it is like, earlier.
    let earlier: Int
  }

  private let minHash = MinHash()
  private var positions: [UInt32] = []
  private var keys = [[UInt32]](repeating: [], count: MinHash.bands)

  /// Texts without words are like nothing.
  mutating func add(_ text: String, at position: Int) {
    let shingles = Shingles(text)
    if shingles.hashes.isEmpty { return }
    positions.append(UInt32(position))
    for (band, key) in minHash.bandKeys(shingles).enumerated() { keys[band].append(key) }
  }

  /// Texts that are like an earlier one, by position.
  /// - Parameter text: reads the text at a position again
  func pairs(text: (Int) throws -> String) rethrows -> [Pair] {
    var earlier: [UInt32: UInt32] = [:]
    for band in keys {
      let order = sortedPositions(of: band)
      var start = 0
      while start < order.count {
        var end = start + 1
        while end < order.count, band[Int(order[end])] == band[Int(order[start])] { end += 1 }
        if end - start > 1 { try compare(order[start..<end], &earlier, text) }
        start = end
      }
    }
    return earlier.sorted { $0.key < $1.key }.map { late, early in
      Pair(position: Int(positions[Int(late)]), earlier: Int(positions[Int(early)]))
    }
  }

  /// - Parameter candidates: ascending
  private func compare(
    _ candidates: ArraySlice<UInt32>, _ earlier: inout [UInt32: UInt32], _ text: (Int) throws -> String
  ) rethrows {
    var kept: [(number: UInt32, shingles: Shingles)] = []
    for candidate in candidates where earlier[candidate] == nil {
      let shingles = Shingles(try text(Int(positions[Int(candidate)])))
      if let like = kept.first(where: { $0.shingles.jaccard(shingles) >= Self.threshold }) {
        earlier[candidate] = like.number
      } else if kept.count < Self.comparedWith {
        kept.append((candidate, shingles))
      }
    }
  }
}
