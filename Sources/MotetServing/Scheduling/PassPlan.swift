/// How many tokens each sequence has in the next pass.
///
/// Of one client's sequences, answers under way come first, one token each and the tokens that are guessed after it;
/// what is left of the budget goes to prompts. While answers wait, prompts get a smaller share, so that a long one is
/// read in pieces between their tokens.
///
/// Where several clients have sequences under way, a pass is only as large as the client with the least to do needs for
/// an equal share, and is divided by ``FairSplit``: the client with one answer has its next token after a short pass,
/// and the answers of the client with sixty take turns.
struct PassPlan {
  let tokensPerPass: Int
  let promptTokensBesideAnswers: Int
  var tokensPerSharedPass = 16
  /// Tokens of a pass of one client when another was there just now, who may come back any moment; nil for no limit.
  var briefTokens: Int?
  /// Counted up from pass to pass.
  var number = 0

  struct Demand {
    /// Tokens whose keys and values are not there.
    let missing: Int
    /// Whether it still reads its prompt.
    let isReading: Bool
    var client = 0
    /// The client's.
    var weight = 1.0
    /// A number for the call that the sequence belongs to, among the calls of its client.
    var group = 0
    /// Counted up over all sequences: the lowest has waited longest for a part in a pass.
    var lastTurn = 0
  }

  private struct Client {
    let weight: Double
    var answers: [Int] = []
    var prompts: [Int] = []
  }

  /// - Parameter demands: in order of arrival
  /// - Returns: as many tokens for each; 0 leaves it out of this pass
  func shares(_ demands: [Demand]) -> [Int] {
    let clients = clients(of: demands)
    func missing(_ places: [Int]) -> Int { places.reduce(0) { $0 + demands[$1].missing } }
    let answering = clients.map { missing($0.answers) }
    let weights = clients.map(\.weight)
    var reading = FairSplit.shares(
      of: promptTokens(beside: answering.reduce(0, +)),
      Array(zip(clients.map { missing($0.prompts) }, weights)))
    var parts = zip(answering, reading).map(+)
    if let size = clients.count > 1 ? size(parts, weights) : briefTokens {
      parts = FairSplit.shares(of: size, Array(zip(parts, weights)))
      // A client's own prompts go on, if slowly, while its answers fill its part.
      for index in clients.indices where answering[index] > 0 {
        let least = parts[index] < 4 ? (number % 4 == 0 ? 1 : 0) : parts[index] / 4
        reading[index] = min(reading[index], max(least, parts[index] - answering[index]))
      }
    }
    var shares = [Int](repeating: 0, count: demands.count)
    for (index, client) in clients.enumerated() {
      let prompts = min(reading[index], parts[index])
      answer(client.answers, demands, tokens: parts[index] - prompts, &shares)
      read(client.prompts, demands, tokens: prompts, &shares)
    }
    return shares
  }

  private func clients(of demands: [Demand]) -> [Client] {
    var clients: [Client] = []
    var places: [Int: Int] = [:]
    for (index, demand) in demands.enumerated() {
      let place = places[demand.client, default: clients.count]
      if place == clients.count {
        places[demand.client] = place
        clients.append(Client(weight: demand.weight))
      }
      if demand.isReading {
        clients[place].prompts.append(index)
      } else {
        clients[place].answers.append(index)
      }
    }
    return clients
  }

  private func promptTokens(beside answering: Int) -> Int {
    guard answering > 0 else { return tokensPerPass }
    // Prompts go on, if slowly, even when answers fill the pass.
    return max(min(promptTokensBesideAnswers, tokensPerPass - answering), min(16, promptTokensBesideAnswers))
  }

  /// Tokens of a pass that several clients share: so many that the client who wants the least for its weight has it all.
  private func size(_ wanted: [Int], _ weights: [Double]) -> Int {
    let least = zip(wanted, weights).map { Double($0) / $1 }.min() ?? 0
    let even = min(least * weights.reduce(0, +), Double(wanted.reduce(0, +)))
    return max(tokensPerSharedPass, wanted.count, Int(even.rounded(.up)))
  }

  /// Gives one client's answers their tokens, whole ones only; where not all have a turn, the answer that has waited
  /// longest comes first.
  private func answer(_ places: [Int], _ demands: [Demand], tokens: Int, _ shares: inout [Int]) {
    var left = tokens
    for place in places.sorted(by: { (demands[$0].lastTurn, $0) < (demands[$1].lastTurn, $1) }) where left > 0
    {
      shares[place] = demands[place].missing
      left -= demands[place].missing
    }
  }

  /// Divides tokens among one client's prompts: a half goes by arrival, so that every prompt comes to its end, and a half
  /// to the call with the least to read, which need not wait for long ones.
  private func read(_ places: [Int], _ demands: [Demand], tokens: Int, _ shares: inout [Int]) {
    var calls: [Int: Int] = [:]
    for place in places { calls[demands[place].group, default: 0] += demands[place].missing }
    let shortest = places.sorted {
      (calls[demands[$0].group, default: 0], $0) < (calls[demands[$1].group, default: 0], $1)
    }
    var left = tokens
    for (order, budget) in [(places, (tokens + 1) / 2), (shortest, tokens)] {
      var budget = min(budget, left)
      for place in order where budget > 0 {
        let share = min(budget, demands[place].missing - shares[place])
        shares[place] += share
        budget -= share
        left -= share
      }
    }
  }
}
