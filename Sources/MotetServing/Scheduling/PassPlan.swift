/// How many tokens each sequence has in the next pass.
///
/// Answers under way come first, one token each and those that are guessed after it; what is left of the budget goes to
/// prompts in order of arrival. While answers wait, prompts get a smaller share, so that a long one is read in pieces
/// between their tokens.
struct PassPlan {
  let tokensPerPass: Int
  let promptTokensBesideAnswers: Int

  struct Demand {
    /// Tokens whose keys and values are not there.
    let missing: Int
    /// Whether it still reads its prompt.
    let isReading: Bool
  }

  /// - Parameter demands: in order of arrival
  /// - Returns: as many tokens for each; 0 leaves it out of this pass
  func shares(_ demands: [Demand]) -> [Int] {
    let answers = demands.filter { !$0.isReading }
    let answering = answers.reduce(0) { $0 + $1.missing }
    var left =
      answers.isEmpty
      ? tokensPerPass : max(0, min(promptTokensBesideAnswers, tokensPerPass - answering))
    // Prompts go on, if slowly, even when answers fill the pass.
    if !answers.isEmpty { left = max(left, min(16, promptTokensBesideAnswers)) }
    return demands.map { demand in
      guard demand.isReading else { return demand.missing }
      let share = min(left, demand.missing)
      left -= share
      return share
    }
  }
}
