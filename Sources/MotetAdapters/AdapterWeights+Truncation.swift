extension AdapterWeights {
  /// The first `rank` ranks of each site, with α as it was: the scale is α/`rank` then (or α/√`rank`).
  ///
  /// Of an adapter trained as ``DyLoRA`` this is one that was trained for that rank. Of others it is whatever their
  /// first ranks happen to be; the best of a rank is what ``SVDMerge`` makes.
  /// - Throws: ``TruncationError``
  public func truncated(to rank: Int) throws -> AdapterWeights {
    guard content == nil else { throw TruncationError.notLowRank(method: method.name) }
    let largest = sites.values.map(\.rank).max() ?? 0
    guard (1...largest).contains(rank) else { throw TruncationError.rank(rank, largest: largest) }
    var cut: [String: LowRankWeights] = [:]
    for (path, site) in sites {
      let own = min(rank, site.rank)
      let ratio = Float(site.rank) / Float(own)
      let kept = try site.keeping(Array(0..<own), site: path)
      cut[path] = try LowRankWeights(
        rank: own, inputs: kept.inputs, outputs: kept.outputs, loraA: kept.loraA, loraB: kept.loraB,
        scale: site.scale * (isRankStabilized ? ratio.squareRoot() : ratio), site: path)
    }
    return try AdapterWeights(sites: cut, baseModel: baseModel, isRankStabilized: isRankStabilized)
  }

  /// The ranks of the sites where they differ, for reports: `ranks 2 to 16, 9.4 on average`; nil where all are equal.
  public var rankSummary: String? {
    let ranks = sites.values.map(\.rank)
    guard let least = ranks.min(), let most = ranks.max(), least < most else { return nil }
    let mean = (10 * Double(ranks.reduce(0, +)) / Double(ranks.count)).rounded() / 10
    return "ranks \(least) to \(most), \(mean) on average"
  }
}

/// Why an adapter cannot be cut to a smaller rank.
public enum TruncationError: Error, Equatable, CustomStringConvertible {
  case rank(Int, largest: Int)
  case notLowRank(method: String)

  public var description: String {
    switch self {
    case .rank(let rank, let largest):
      "an adapter of rank \(largest) has no first \(rank) ranks: choose 1 to \(largest)"
    case .notLowRank(let method): "a \(method) adapter has no ranks to cut: only LoRA's factors can be cut"
    }
  }
}
