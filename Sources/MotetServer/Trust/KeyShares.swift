import Synchronization

/// What keys have under way and what they have used, held to their limits: answers at one time, and tokens a minute, which
/// are a bucket that fills evenly and holds one minute's worth.
final class KeyShares: Sendable {
  fileprivate struct Use {
    var answers = 0
    var tokens: Double?
    var filled = ContinuousClock.now

    /// - Parameter capacity: tokens a minute
    mutating func fill(_ capacity: Double, at now: ContinuousClock.Instant) -> Double {
      let elapsed = max(0, (now - filled) / .seconds(1))
      let level = min(capacity, (tokens ?? capacity) + elapsed * capacity / 60)
      tokens = level
      filled = now
      return level
    }
  }

  fileprivate let uses = Mutex<[String: Use]>([:])

  /// Takes in a request of so many answers to prompts of so many tokens together.
  /// - Throws: ``APIError``: 429 where the key has as much as it may, 400 for more than it ever may at one time
  func begin(
    _ caller: Caller, answers: Int, promptTokens: Int, at now: ContinuousClock.Instant = .now
  ) throws -> KeyShare {
    guard let name = caller.name else { return KeyShare(self, nil, answers: 0, countsTokens: false) }
    if let most = caller.answers, answers > most {
      throw APIError.invalid(
        "n", "the request asks for \(answers) answers, and the key may have \(most) under way; ask for fewer")
    }
    try uses.withLock { uses in
      var use = uses[name] ?? Use(filled: now)
      if let most = caller.answers, use.answers + answers > most {
        throw APIError.tooMany(
          "the key \(name) may have \(most) answers under way and has \(use.answers); ask again when some have ended",
          seconds: 1)
      }
      if let perMinute = caller.tokensPerMinute {
        let capacity = Double(perMinute)
        let level = use.fill(capacity, at: now)
        // A prompt of more than a minute's worth waits for a full bucket.
        let needed = min(capacity, max(1, Double(promptTokens)))
        guard level >= needed else {
          let seconds = Int(((needed - level) * 60 / capacity).rounded(.up))
          throw APIError.tooMany(
            "the key \(name) may use \(perMinute) tokens a minute; try again in \(max(1, seconds)) s",
            seconds: seconds)
        }
        use.tokens = level - Double(promptTokens)
      }
      use.answers += answers
      uses[name] = use
    }
    return KeyShare(self, name, answers: answers, countsTokens: caller.tokensPerMinute != nil)
  }

  fileprivate func end(_ name: String, answers: Int) {
    uses.withLock { $0[name]?.answers -= answers }
  }

  fileprivate func spend(_ name: String, tokens: Int) {
    uses.withLock { uses in
      guard let level = uses[name]?.tokens else { return }
      uses[name]?.tokens = level - Double(tokens)
    }
  }
}

/// What one request has of its key's share; given back when it ends, at the latest when nobody holds this any more.
final class KeyShare: Sendable {
  /// Whether tokens are counted, so that they are told as they come.
  let countsTokens: Bool
  private let all: KeyShares
  private let name: String?
  private let answers: Int
  private let hasEnded = Mutex(false)

  fileprivate init(_ all: KeyShares, _ name: String?, answers: Int, countsTokens: Bool) {
    self.all = all
    self.name = name
    self.answers = answers
    self.countsTokens = countsTokens
  }

  deinit { end() }

  /// Counts tokens of an answer.
  func spend(_ tokens: Int) {
    if countsTokens, let name { all.spend(name, tokens: tokens) }
  }

  func end() {
    let isFirst = hasEnded.withLock { hasEnded in
      defer { hasEnded = true }
      return !hasEnded
    }
    if isFirst, let name { all.end(name, answers: answers) }
  }
}
