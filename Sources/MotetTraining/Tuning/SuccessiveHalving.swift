import MotetTensor

/// How a search divides its tokens among trials (Jamieson & Talwalkar 2016, arXiv 1502.07943, algorithm 1): rungs of
/// equal budgets. Those that are left share a rung's, and the best of every η go on, until one is left.
///
/// With 8 trials and η = 2 the rungs have 8, 4 and 2 of them, so that a survivor's second rung is twice as long as its
/// first.
public struct SuccessiveHalving: Sendable, Equatable {
  /// A budget of more is a slip of the pen.
  static let mostSteps = 1_000_000

  public let trials: Int
  /// Of so many one goes on.
  public let eta: Int
  /// Of all trials over all rungs.
  public let tokens: Int

  /// - Throws: ``TuningError`` for numbers that leave nothing to search
  public init(trials: Int, eta: Int, tokens: Int) throws {
    guard trials > 0 else { throw TuningError.trials(trials) }
    guard eta > 1 else { throw TuningError.eta(eta) }
    guard tokens > 0 else { throw TuningError.tokens(tokens) }
    self.trials = trials
    self.eta = eta
    self.tokens = tokens
  }

  /// Trials at the beginning of each rung: 8, 4, 2.
  public var counts: [Int] {
    var counts = [trials]
    while let last = counts.last, last / eta > 1 { counts.append(last / eta) }
    return counts
  }

  /// How many go on after a rung, counted from 0.
  public func survivors(after rung: Int) -> Int { rung + 1 < counts.count ? counts[rung + 1] : 1 }

  /// Tokens that a trial has seen at the end of each rung, if it came so far.
  var targets: [Double] {
    var sum = 0.0
    return counts.map { count in
      sum += Double(tokens) / Double(counts.count) / Double(count)
      return sum
    }
  }

  /// The step that each rung ends at: the last one with which the trials' share of the budget is kept.
  /// - Parameter stepTokens: of each step, the same for all trials
  /// - Throws: ``TuningError/budget(tokens:least:)`` when a rung has no step, ``TuningError/tooManySteps(tokens:most:)``
  func steps(_ stepTokens: (Int) -> Int) throws -> [Int] {
    var step = 0
    var seen = 0
    var largest = 0
    var ends: [Int] = []
    for target in targets {
      let first = step
      while Double(seen + stepTokens(step)) <= target {
        seen += stepTokens(step)
        largest = max(largest, stepTokens(step))
        step += 1
        guard step < Self.mostSteps else {
          throw TuningError.tooManySteps(tokens: tokens, most: Self.mostSteps)
        }
      }
      guard step > first else {
        throw TuningError.budget(
          tokens: tokens, least: counts.count * trials * max(largest, stepTokens(step)))
      }
      ends.append(step)
    }
    return ends
  }

  /// The budget with which the last trial left sees `tokens`.
  static func tokens(trials: Int, eta: Int, winner tokens: Int) throws -> Int {
    let one = try SuccessiveHalving(trials: trials, eta: eta, tokens: 1)
    return Int((Double(tokens) / (one.targets.last ?? 1)).rounded(.up))
  }
}
