import Foundation

/// What the demo measured; `results.json` is this in snake case.
public struct DemoResults: Codable, Sendable {
  /// By domain and system, 0 to 1.
  public var accuracy: [String: [String: Double]] = [:]
  /// Share of held-out prompts whose heaviest adapter is their domain's.
  public var routingAccuracy = 0.0
  public var routingAccuracyByRouter: [String: Double] = [:]
  /// Nats a token on text of no domain.
  public var generalNLL: [String: Double] = [:]
  /// Nats a response token on prompts that need two domains; `routed` is the blend.
  public var compoundNLL: [String: Double] = [:]
  /// How many compound prompts the blend answers with a lower NLL than the best single adapter.
  public var blendWins = 0
  public var compoundCount = 0
  public var fingerprintBefore = ""
  public var fingerprintAfter = ""
  /// Whether each adapter answered the same before and after the others were added, updated and removed.
  public var answersUnchanged: [String: Bool] = [:]
  public var parameters: Parameters = Parameters()
  public var seconds = 0.0
  public var secondsByStage: [String: Double] = [:]
  public var peakRSSBytes = 0

  public struct Parameters: Codable, Sendable {
    public var base = 0
    public var adapter = 0
  }

  enum CodingKeys: String, CodingKey {
    case accuracy, seconds, parameters
    case routingAccuracy = "routing_accuracy"
    case routingAccuracyByRouter = "routing_accuracy_by_router"
    case generalNLL = "general_nll"
    case compoundNLL = "compound_nll"
    case blendWins = "blend_wins"
    case compoundCount = "compound_count"
    case fingerprintBefore = "fingerprint_before"
    case fingerprintAfter = "fingerprint_after"
    case answersUnchanged = "answers_unchanged"
    case secondsByStage = "seconds_by_stage"
    case peakRSSBytes = "peak_rss_bytes"
  }

  /// The mean accuracy of a system over the domains.
  public func overall(_ system: DemoSystem) -> Double {
    let values = accuracy.values.compactMap { $0[system.rawValue] }
    return values.reduce(0, +) / Double(max(1, values.count))
  }

  /// The mean over the domains of each one's own adapter.
  public var oracle: Double {
    let values = accuracy.compactMap { $0.value[$0.key] }
    return values.reduce(0, +) / Double(max(1, values.count))
  }

  /// The share of storage that `count` adapters on one base save against as many full models of the same
  /// precision.
  public func saving(adapters count: Int) -> Double {
    1 - Double(parameters.base + count * parameters.adapter) / Double(max(1, count * parameters.base))
  }

  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try encoder.encode(self)
  }
}
