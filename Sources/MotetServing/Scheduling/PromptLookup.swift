/// Guesses what comes next from what came before: the tokens after an earlier place with the same last tokens
/// (prompt lookup decoding, Saxena 2023).
///
/// Guesses go through the model in the same pass as the token before them and are kept only as far as they are what
/// would have been chosen, so that answers stay the same. It pays where answers repeat their prompt; where they do not,
/// it learns to keep quiet.
struct PromptLookup {
  private static let lengths = [4, 3, 2]
  /// By the last tokens, where they ended last.
  private var places: [[Int32]: Int] = [:]
  private var indexed = 0
  /// Mean of accepted shares.
  private var rate = 0.6
  /// How many steps it stays quiet, and how many the next time.
  private var quiet = 0
  private var pause = 32

  /// Up to `count` tokens that may follow `tokens`.
  mutating func guess(_ tokens: [Int32], count: Int) -> [Int32] {
    index(tokens)
    if quiet > 0 {
      quiet -= 1
      return []
    }
    for length in Self.lengths where tokens.count > length {
      guard let place = places[Array(tokens.suffix(length))] else { continue }
      return Array(tokens[place..<min(place + count, tokens.count)])
    }
    return []
  }

  /// Learns what came of a guess.
  mutating func learn(accepted: Int, of guessed: Int) {
    guard guessed > 0 else { return }
    rate += 0.25 * (Double(accepted) / Double(guessed) - rate)
    if accepted == guessed { pause = 32 }
    guard rate < 0.2 else { return }
    quiet = pause
    pause = min(512, 2 * pause)
    rate = 0.3
  }

  /// Enters the places before the last token: the end itself must not find itself.
  private mutating func index(_ tokens: [Int32]) {
    while indexed < tokens.count - 1 {
      indexed += 1
      for length in Self.lengths where indexed >= length {
        places[Array(tokens[indexed - length..<indexed])] = indexed
      }
    }
  }
}
