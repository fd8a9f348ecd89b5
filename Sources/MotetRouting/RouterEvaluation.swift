/// How a router does on prompts whose domain is known.
public struct RouterEvaluation: Sendable, Codable, Equatable {
  public struct DomainResult: Sendable, Codable, Equatable {
    public var domain: String
    /// Of the prompts routed here, the share that belongs here; 0 when there are none.
    public var precision: Double
    /// Of the prompts that belong here, the share that was routed here.
    public var recall: Double
    public var count: Int
  }

  /// The routed domain's name for prompts that got the base.
  public static let base = "base"

  /// The domains, then `base`.
  public let labels: [String]
  /// `[expected][routed]` counts in the order of `labels`.
  public let confusion: [[Int]]
  /// Of all prompts, the share routed where it belongs; a prompt is routed to the largest entry of its mix.
  public let accuracy: Double
  public let domains: [DomainResult]
  /// Mean over ten bins of |share of right answers − mean largest share|, weighted by the bins' counts, over
  /// the prompts that belong to a domain (Guo et al. 2017, arXiv:1706.04599). Shares also describe compound
  /// prompts, so on prompts of one domain a router should err on the modest side.
  public let calibrationError: Double
  public let count: Int

  /// Routes every prompt. Use `base` as the domain of prompts that should get the base.
  public static func run(_ router: some Router, on rows: [String: [String]]) async throws -> RouterEvaluation
  {
    var outcomes: [(expected: String, route: Route)] = []
    for (domain, prompts) in rows.sorted(by: { $0.key < $1.key }) {
      for prompt in prompts { outcomes.append((domain, try await router.route(prompt))) }
    }
    return RouterEvaluation(domains: router.domains, outcomes: outcomes)
  }

  /// Counts what routes did. Expected names outside `domains` count as `base`.
  public init(domains names: [String], outcomes: [(expected: String, route: Route)]) {
    labels = names + [Self.base]
    let position = Dictionary(zip(labels, labels.indices), uniquingKeysWith: { first, _ in first })
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: labels.count), count: labels.count)
    var bins = [(count: Double, right: Double, share: Double)](repeating: (0, 0, 0), count: 10)
    for (expected, route) in outcomes {
      let row = position[expected] ?? names.count
      let column = route.mix.first.flatMap { position[$0.domain] } ?? names.count
      confusion[row][column] += 1
      if row < names.count, let best = route.best {
        let bin = min(9, max(0, Int(best.weight * 10)))
        bins[bin].count += 1
        bins[bin].right += best.domain == expected ? 1 : 0
        bins[bin].share += best.weight
      }
    }
    self.confusion = confusion
    count = outcomes.count
    let right = labels.indices.reduce(0) { $0 + confusion[$1][$1] }
    accuracy = outcomes.isEmpty ? 0 : Double(right) / Double(outcomes.count)
    let belonging = bins.reduce(0) { $0 + $1.count }
    calibrationError = belonging == 0 ? 0 : bins.reduce(0) { $0 + abs($1.right - $1.share) } / belonging
    self.domains = labels.indices.map { i in
      let expected = confusion[i].reduce(0, +)
      let routed = confusion.reduce(0) { $0 + $1[i] }
      return DomainResult(
        domain: names.indices.contains(i) ? names[i] : Self.base,
        precision: routed == 0 ? 0 : Double(confusion[i][i]) / Double(routed),
        recall: expected == 0 ? 0 : Double(confusion[i][i]) / Double(expected), count: expected)
    }
  }
}
