/// How shares become a mix.
public struct RoutingPolicy: Sendable, Codable, Equatable {
  /// A domain with a smaller share than this is left out of the mix; 0 to 1.
  public var threshold: Double
  /// The share of a domain's own rows that may be taken for strangers when the fit threshold is set;
  /// larger sends more prompts to the base. Read when a router is trained.
  public var novelty: Double
  /// At most so many adapters in a mix.
  public var maximumAdapters: Int

  public init(threshold: Double = 0.2, novelty: Double = 0.02, maximumAdapters: Int = 3) {
    self.threshold = threshold
    self.novelty = novelty
    self.maximumAdapters = maximumAdapters
  }

  /// The shares at or above the threshold, largest first, renormalised to sum to 1.
  public func mix(of weights: [DomainWeight]) -> [DomainWeight] {
    let kept = weights.enumerated()
      .filter { $0.element.weight >= threshold && $0.element.weight > 0 }
      .sorted { ($0.element.weight, $1.offset) > ($1.element.weight, $0.offset) }
      .prefix(maximumAdapters)
      .map(\.element)
    let total = kept.reduce(0) { $0 + $1.weight }
    return kept.map { DomainWeight(domain: $0.domain, adapter: $0.adapter, weight: $0.weight / total) }
  }

  /// Throws `RouterError.invalidPolicy` unless every number is in its range.
  func validate() throws {
    guard threshold >= 0, threshold <= 1 else {
      throw RouterError.invalidPolicy("threshold is \(threshold); it must lie between 0 and 1")
    }
    guard novelty >= 0, novelty < 1 else {
      throw RouterError.invalidPolicy("novelty is \(novelty); it must lie between 0 and 1")
    }
    guard maximumAdapters >= 1 else {
      throw RouterError.invalidPolicy("maximumAdapters is \(maximumAdapters); it must be at least 1")
    }
  }
}
