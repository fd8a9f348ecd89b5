import Foundation
import MotetAdapters

/// What training one adapter made.
public struct TrainingResult: Sendable {
  public let adapter: Adapter
  /// Values that were trained, which need not be those that are saved.
  public let trainableParameters: Int
  /// With the adapters it was kept apart from.
  public let overlaps: [OverlapResult]
  public let events: [TrainingEvent]
  public let validations: [ValidationEvent]
  public let evalBefore: NLL?
  public let evalAfter: NLL?
  /// Of the training loop alone, in which other adapters may have had their part.
  public let seconds: Double
  /// Whether it was asked to stop before its end.
  public let wasStopped: Bool
  /// The step whose weights these are; the last one, or the best with `keep: .best`.
  public let step: Int
  /// The base's, equal before and after.
  public let fingerprint: String

  public var tokens: Int { events.reduce(0) { $0 + $1.tokens } }
  /// Steps that were left out as spikes.
  public var skippedSteps: Int { events.lazy.filter(\.isSkipped).count }
  /// The mean of the last tenth of the steps.
  public var finalLoss: Double? {
    let last = events.suffix(max(1, events.count / 10))
    return last.isEmpty ? nil : last.reduce(0) { $0 + $1.loss } / Double(last.count)
  }
}

/// How much an adapter reads of what another reads: ``SubspaceOverlap`` at the beginning and at the end.
public struct OverlapResult: Sendable, Equatable, Codable {
  public let adapter: String
  public let before: Double
  public let after: Double
  /// What random subspaces of the same ranks have.
  public let chance: Double

  /// For reports: `0.0281 with math before, 0.0004 after (0.0278 by chance)`.
  public var text: String {
    func short(_ value: Double) -> String { String(format: "%.4f", value) }
    return "\(short(before)) with \(adapter) before, \(short(after)) after (\(short(chance)) by chance)"
  }
}

/// How training one adapter ended.
public struct JobOutcome: Sendable {
  public enum Ending: Sendable, Equatable {
    case completed
    /// The validation NLL no longer fell.
    case stoppedEarly(step: Int)
    /// The run was cancelled.
    case stopped
    /// The loss became no number; `result` then holds the last good weights, when there are any.
    case diverged(step: Int)
  }

  public let name: String
  public let ending: Ending
  /// nil when it diverged and no good weights were kept.
  public let result: TrainingResult?
  /// The validation NLL by groups of the rows, where a field tells groups.
  public let groups: GroupReport?
  /// Where it was saved: the folder, or the version as `math@3`.
  public internal(set) var place: String?
}
