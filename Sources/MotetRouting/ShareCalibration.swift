import Foundation

/// Turns the scores of a linear model into percentages, and says when a prompt fits no domain.
///
/// Set on held-out rows: the temperature (Guo et al. 2017, arXiv:1706.04599) so that a share means what it
/// says for prompts of one domain and for pairs of two, the thresholds from quantiles of each domain's own rows,
/// the allowance so that 95 of 100 compound pairs are kept.
struct ShareCalibration: Sendable, Codable, Equatable {
  var temperature: Double
  /// For each domain the lowest fit score its own rows are expected to have.
  var fitThresholds: [Double]
  /// How much lower the threshold is for a prompt spread evenly over two domains.
  var compoundAllowance = 0.0

  /// The domains' shares, summing to 1; classes beyond the domains are left out.
  func shares(_ scores: [Double]) -> [Double] {
    softmax(Array(scores.prefix(fitThresholds.count)), temperature: temperature)
  }

  /// How far the fit score lies above the thresholds of the domains the prompt seems made of.
  func margin(fit: Double, shares: [Double]) -> Double {
    let threshold = zip(shares, fitThresholds).reduce(0) { $0 + $1.0 * $1.1 }
    return fit - threshold + compoundAllowance * Self.spread(shares)
  }

  /// 0 when all is one domain's, 1 from an even split between two on.
  private static func spread(_ shares: [Double]) -> Double { min(1, 2 * (1 - (shares.max() ?? 1))) }
}

/// Scores of a row that was held out, and the domains it is made of.
struct HeldOutRow {
  var scores: [Double]
  var fit: Double
  /// One domain, two for a compound pair, none for a stranger.
  var domains: [Int]
}

extension ShareCalibration {
  /// Chooses temperature and thresholds.
  ///
  /// - Parameter novelty: the share of a domain's own rows that may fall under its threshold.
  static func fit(_ rows: [HeldOutRow], domains: Int, novelty: Double) -> ShareCalibration {
    var best = ShareCalibration(temperature: 1, fitThresholds: [Double](repeating: 0, count: domains))
    var bestLoss = Double.infinity
    let single = rows.filter { $0.domains.count == 1 }
    let compound = rows.filter { $0.domains.count == 2 }
    for step in -12...12 {
      var candidate = best
      candidate.temperature = pow(1.12, Double(step))
      func loss(_ rows: [HeldOutRow]) -> Double {
        guard !rows.isEmpty else { return 0 }
        return rows.reduce(0) { sum, row in
          let shares = candidate.shares(row.scores)
          let each = 1 / Double(row.domains.count)
          return sum + row.domains.reduce(0) { $0 - each * log(max(shares[$1], 1e-12)) }
        } / Double(rows.count)
      }
      let total = loss(single) + 0.2 * loss(compound)
      if total < bestLoss {
        bestLoss = total
        best = candidate
      }
    }
    let strangers = rows.filter(\.domains.isEmpty).map(\.fit)
    best.fitThresholds = (0..<domains).map { domain in
      let own = single.filter { $0.domains == [domain] }.map(\.fit)
      return threshold(own: own, strangers: strangers, novelty: novelty)
    }
    let deficits = compound.map { row in
      let shares = best.shares(row.scores)
      return max(0, -best.margin(fit: row.fit, shares: shares)) / max(spread(shares), 0.05)
    }.sorted()
    if !deficits.isEmpty { best.compoundAllowance = deficits[Int(0.95 * Double(deficits.count - 1))] }
    return best
  }

  /// The quantile of the domain's own rows that `novelty` names; lower still where nearly all strangers fit worse.
  /// Rows made from few templates all fit alike, and a new phrasing of the same task fits worse than any of them
  /// without being a stranger.
  private static func threshold(own: [Double], strangers: [Double], novelty: Double) -> Double {
    guard !own.isEmpty else { return 0 }
    let low = own.sorted()[min(own.count - 1, Int(novelty * Double(own.count)))]
    guard !strangers.isEmpty else { return low }
    return min(low, strangers.sorted()[Int(0.95 * Double(strangers.count - 1))])
  }
}
