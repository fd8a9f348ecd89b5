import Foundation

/// A router that weighs words, pairs of words and character patterns learnt from the domains' own rows.
///
/// ```swift
/// let router = try LexicalRouter.train(domains: ["math": mathPrompts, "code": codePrompts])
/// let route = router.weigh("Write Python code to solve quadratic equations")
/// route.reason.prefix(3).map(\.text)  // ["python", "quadratic", "code"]
/// ```
///
/// Softmax regression over binary features scaled by rarity. It needs no model, trains in seconds and
/// answers in microseconds; every share can be traced to the words that made it.
public struct LexicalRouter: Router {
  public let kind = "lexical"
  public let domains: [String]
  public var adapters: [String: String]
  public var policy: RoutingPolicy
  let model: LexicalModel
  let calibration: ShareCalibration

  init(
    domains: [String], adapters: [String: String], policy: RoutingPolicy, model: LexicalModel,
    calibration: ShareCalibration
  ) {
    self.domains = domains
    self.adapters = adapters
    self.policy = policy
    self.model = model
    self.calibration = calibration
  }

  /// Learns from the prompts of each domain; the same input gives the same router.
  ///
  /// - Parameters:
  ///   - rows: prompts by domain.
  ///   - none: prompts that belong to no domain.
  ///   - adapters: the adapter of a domain, where its name differs from the domain's.
  /// - Throws: `RouterError` for fewer than two domains, a domain without prompts, a bad policy.
  public static func train(
    domains rows: [String: [String]], none: [String] = EverydayPrompts.all,
    adapters: [String: String] = [:], policy: RoutingPolicy = RoutingPolicy(), seed: UInt64 = 0
  ) throws -> LexicalRouter {
    try policy.validate()
    let training = try TrainingRows(rows, none: none)
    let labels = training.labels
    let found = training.prompts.map(LexicalFeatures.of)
    guard zip(found, labels).contains(where: { !$0.isEmpty && $1 < rows.count }) else {
      throw RouterError.noFeatures
    }
    let folds = Folds(prompts: training.prompts, labels: labels, count: 4, seed: seed)
    var heldOut: [HeldOutRow] = []
    for fold in 0..<folds.count {
      let (train, held) = folds.split(fold)
      guard (0..<rows.count).allSatisfy({ domain in train.contains { labels[$0] == domain } }) else {
        continue
      }
      let part = LexicalModel.fit(
        train.map { found[$0] }, labels: train.map { labels[$0] }, domains: rows.count, seed: seed)
      func measure(_ features: [LexicalFeature], _ domains: [Int]) {
        let scores = part.scores(part.row(features))
        heldOut.append(
          HeldOutRow(scores: scores, fit: part.fit(scores, domains: rows.count), domains: domains))
      }
      for row in held { measure(found[row], labels[row] < rows.count ? [labels[row]] : []) }
      var generator = SeededGenerator(seed: seed &+ UInt64(fold) &+ 1)
      let pairs = compoundPairs(
        of: held, labels: labels, domains: rows.count, count: held.count, using: &generator)
      for (a, b) in pairs {
        measure(compound(found[a], found[b], using: &generator), [labels[a], labels[b]])
      }
    }
    return LexicalRouter(
      domains: training.domains, adapters: adapters, policy: policy,
      model: LexicalModel.fit(found, labels: labels, domains: rows.count, seed: seed),
      calibration: ShareCalibration.fit(heldOut, domains: rows.count, novelty: policy.novelty))
  }

  public func route(_ prompt: String) async throws -> Route { weigh(prompt) }

  /// `route` without waiting: a lexical router needs no model.
  public func weigh(_ prompt: String) -> Route {
    let row = model.row(LexicalFeatures.of(prompt))
    let scores = model.scores(row)
    let shares = calibration.shares(scores)
    var fit = calibration.margin(fit: model.fit(scores, domains: domains.count), shares: shares)
    // Nothing known was found: no evidence, whatever the thresholds say.
    if row.isEmpty { fit = min(fit, -1) }
    return Route(
      shares: shares, domains: domains, adapters: adapters, policy: policy, fit: fit, reason: evidence(row))
  }

  /// What decided: each feature's pull on every domain against the mean of the domains, as a share of all
  /// pulls, strongest first, at most 24.
  private func evidence(_ row: [(feature: Int, value: Double)]) -> [Evidence] {
    let pulls = row.map { feature, value in
      let own = (0..<domains.count).map { model.weights[feature * model.classes + $0] * value }
      let mean = own.reduce(0, +) / Double(own.count)
      return own.map { $0 - mean }
    }
    let total = max(pulls.reduce(0) { $0 + ($1.max() ?? 0) }, 1e-12)
    let all = zip(row, pulls).map { entry, pull in
      let favoured = pull.indices.max { pull[$0] < pull[$1] } ?? 0
      let feature = model.features[entry.feature]
      return Evidence(
        kind: feature.kind, text: feature.text, domain: domains[favoured],
        contribution: pull[favoured] / total,
        contributions: pull.map { $0 / total })
    }
    return Array(
      all.sorted {
        ($0.contribution, $1.text, $1.kind.rawValue) > ($1.contribution, $0.text, $0.kind.rawValue)
      }
      .prefix(24))
  }
}
