/// Divides a whole number among several by max-min fairness: nobody gets more than it asks for, and what one does not
/// need goes to the others in proportion to their weights.
///
///     FairSplit.shares(of: 16, [(1, 1), (63, 1)])  // [1, 15]
///
/// Source: Bertsekas and Gallager, Data Networks (1992), section 6.5.2.
enum FairSplit {
  typealias Demand = (amount: Int, weight: Double)

  /// - Returns: as much for each; at least 1 for each that asks for anything, where there is as much
  static func shares(of amount: Int, _ demands: [Demand]) -> [Int] {
    var shares = [Int](repeating: 0, count: demands.count)
    let asking = demands.indices.filter { demands[$0].amount > 0 && demands[$0].weight > 0 }
      .sorted {
        Double(demands[$0].amount) / demands[$0].weight < Double(demands[$1].amount) / demands[$1].weight
      }
    var left = max(0, amount)
    var weights = asking.reduce(0) { $0 + demands[$1].weight }
    for index in asking {
      let (wanted, weight) = demands[index]
      let fair = weights > 0 ? Double(left) * weight / weights : 0
      shares[index] = min(wanted, Int(min(fair, Double(left))))
      left -= shares[index]
      weights -= weight
    }
    // What rounding down left over.
    while left > 0 {
      let open = asking.filter { shares[$0] < demands[$0].amount }
      guard !open.isEmpty else { break }
      for index in open.prefix(left) { shares[index] += 1 }
      left -= min(left, open.count)
    }
    // Nobody is left out for a small weight.
    for index in asking where shares[index] == 0 {
      guard let most = asking.max(by: { shares[$0] < shares[$1] }), shares[most] > 1 else { break }
      shares[most] -= 1
      shares[index] = 1
    }
    return shares
  }
}
