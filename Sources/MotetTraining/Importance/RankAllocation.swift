import MotetModels

extension SiteImportances {
  /// Spends a budget of values over the sites, one rank after the other.
  ///
  /// The next rank goes where it gains most for what it costs, I/((r + 1)·(inputs + outputs)) with I the site's
  /// importance and r the ranks it has: each rank of a site is worth less than the one before, in the manner of
  /// 1, 1/2, 1/3, …, which makes what sites get of the budget proportional to their importance (the divisor method of
  /// D'Hondt and Jefferson; Balinski and Young, Fair Representation, 1982). A site that gains nothing gets none. What
  /// is too little for the best goes to the best that it is enough for.
  /// - Parameter maximumRank: no site gets more; nor more than its smaller side
  /// - Returns: by site, 0 and more; their values are never more than the budget
  /// - Throws: ``RankSuggestionError``
  public func ranks(spending budget: Int, maximumRank: Int? = nil) throws -> [Int] {
    if let maximumRank, maximumRank < 1 {
      throw RankSuggestionError.option(name: "max-rank", value: "\(maximumRank)", mend: "give at least 1")
    }
    let costs = entries.filter { $0.value > 0 }.map(\.site.valuesPerRank)
    guard let least = costs.min() else { throw RankSuggestionError.noImportance }
    guard least <= budget else { throw RankSuggestionError.budgetTooSmall(budget, least: least) }
    var ranks = [Int](repeating: 0, count: entries.count)
    var left = budget
    var open = Set(entries.indices.filter { entries[$0].value > 0 })
    func gain(_ place: Int) -> Double {
      entries[place].value / Double((ranks[place] + 1) * entries[place].site.valuesPerRank)
    }
    while true {
      open = open.filter { place in
        let site = entries[place].site
        return ranks[place] < min(site.largestRank, maximumRank ?? .max) && site.valuesPerRank <= left
      }
      // Of equals the first, so that the outcome is one.
      guard let best = open.max(by: { (gain($0), $1) < (gain($1), $0) }) else { return ranks }
      ranks[best] += 1
      left -= entries[best].site.valuesPerRank
    }
  }
}
