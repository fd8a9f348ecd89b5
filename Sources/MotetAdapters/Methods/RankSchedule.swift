/// A rank that each site begins with, and one that the sites keep on average: `32:8`.
///
/// Ranks are taken away on the way, by AdaLoRA's importance and its cubic law (Zhang et al. 2023, arXiv 2303.10512,
/// equations 7 to 12): none for the first tenth of the run, the last ones three tenths before its end. A rank that is
/// gone stays gone, and is not saved; the scale of the others is what it was.
public struct RankSchedule: Sendable, Equatable, CustomStringConvertible {
  public let first: Int
  public let last: Int

  public static let option = MethodOption(
    "rank-schedule", "32:8",
    "Begin with the first rank and keep the second on average; the least important are cut away on the way.",
    isFixedByContinue: true,
    whyOthersLackIt: "it cuts ranks out of an A and a B that train as they are; "
      + "adalora has --init-rank and --rank for it, and sora its gates")

  /// - Throws: ``MethodError/option(_:value:expected:)`` unless the second rank is at least 1 and smaller than the first
  public init(first: Int, last: Int) throws {
    guard 1 <= last, last < first, first <= 65_536 else { throw Self.wrong("\(first):\(last)") }
    self.first = first
    self.last = last
  }

  /// - Throws: ``MethodError/option(_:value:expected:)``
  public init(parsing text: String) throws {
    let words = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard words.count == 2, let first = words[0], let last = words[1] else { throw Self.wrong(text) }
    try self.init(first: first, last: last)
  }

  private static func wrong(_ text: String) -> MethodError {
    .option(option.key, value: text, expected: "two ranks, the first the larger, such as 32:8")
  }

  public var description: String { "\(first):\(last)" }

  /// - Parameter ranks: that the sites begin with, all together
  /// - Throws: ``MethodError/schedule(method:reason:)`` for a run too short to gather, to take away and to keep
  func budget(ranks: Int, sites: Int, steps: Int, method: String) throws -> RankBudget {
    guard steps >= 3 else {
      throw MethodError.schedule(
        method: method,
        reason: "--rank-schedule \(self) takes at least 3 steps, and the run has \(steps): "
          + "give more --epochs, or a smaller --batch")
    }
    return RankBudget(
      beginning: ranks, target: sites * last, warmup: max(1, steps / 10), final: max(1, 3 * steps / 10),
      interval: 1, steps: steps)
  }
}

extension MethodSettings {
  /// The shape, which begins with the first rank of `--rank-schedule` where that was given.
  /// - Throws: ``MethodError``
  func scheduledShape() throws -> LoRA {
    guard let text = own[RankSchedule.option.key] else { return shape }
    let schedule = try RankSchedule(parsing: text)
    for other in [SharedOption.rank, .rankPattern] where given.contains(other) {
      throw MethodError.exclusive(
        RankSchedule.option.key, other.rawValue, reason: "both say with which ranks training begins")
    }
    var shape = shape
    shape.rank = schedule.first
    if !given.contains(.alpha) { shape.alpha = Double(2 * schedule.first) }
    shape.rankSchedule = schedule
    return shape
  }
}
