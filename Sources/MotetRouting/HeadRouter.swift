import Foundation
import MotetModels

/// A router that reads the frozen base's mean hidden state: softmax regression on `[hidden]` features.
///
/// ```swift
/// let router = try await HeadRouter.train(
///   domains: ["math": mathPrompts, "code": codePrompts], embed: embed)
/// let route = try await router.route("What is 3/4 of 12?")
/// ```
///
/// It understands phrasings whose words it never saw, at the price of a pass through the base.
/// A prompt that lies further from every domain than nearly all of their own rows gets the base.
public struct HeadRouter: Router {
  public let kind = "head"
  public let domains: [String]
  public var adapters: [String: String]
  public var policy: RoutingPolicy
  /// Turns prompts into features; a router read from a file has none until the base is there.
  public var embed: PromptEmbedding?
  /// The base whose hidden states it was trained on, by its name.
  public let base: String?
  /// The same by its weights; nil where it is not known: of a router that was trained on features alone, or whose file has none.
  public var identity: BaseIdentity?
  let model: HeadModel
  let calibration: ShareCalibration

  /// The width of the hidden states it reads.
  public var hiddenSize: Int { model.width }

  init(
    domains: [String], adapters: [String: String], policy: RoutingPolicy, base: String?,
    identity: BaseIdentity? = nil, model: HeadModel, calibration: ShareCalibration, embed: PromptEmbedding?
  ) {
    self.identity = identity
    self.domains = domains
    self.adapters = adapters
    self.policy = policy
    self.base = base
    self.model = model
    self.calibration = calibration
    self.embed = embed
  }

  /// Embeds the prompts of each domain, and prompts made of two domains' words, and learns from them.
  ///
  /// - Parameter none: prompts that belong to no domain.
  /// - Throws: `RouterError`, and what `embed` throws.
  public static func train(
    domains rows: [String: [String]], none: [String] = EverydayPrompts.all,
    adapters: [String: String] = [:], policy: RoutingPolicy = RoutingPolicy(), base: String? = nil,
    seed: UInt64 = 0, embed: @escaping PromptEmbedding
  ) async throws -> HeadRouter {
    let prompts = try TrainingRows(rows, none: none)
    let compounds = prompts.compounds(folds: foldCount, limit: 400, seed: seed)
    let asked = prompts.prompts + compounds.map(\.prompt)
    let embedded = try await embed(asked)
    guard embedded.count == asked.count else {
      throw RouterError.wrongWidth(expected: asked.count, found: embedded.count)
    }
    var features: [String: [[Float]]] = [:]
    var outside: [[Float]] = []
    for (row, label) in zip(embedded, prompts.labels) {
      if label < prompts.domains.count {
        features[prompts.domains[label], default: []].append(row)
      } else {
        outside.append(row)
      }
    }
    let blends = zip(compounds, embedded.suffix(compounds.count)).map { compound, row in
      CompoundRow(features: row, domains: compound.domains, fold: compound.fold)
    }
    var router = try train(
      features: features, none: outside, compounds: blends, adapters: adapters, policy: policy, base: base,
      seed: seed)
    router.embed = embed
    return router
  }

  /// A row made of two domains' rows of one fold.
  struct CompoundRow {
    let features: [Float]
    let domains: [Int]
    let fold: Int
  }

  /// Parts that the rows are dealt into for calibration.
  private static let foldCount = 4

  /// Learns from features `[rows, hidden]` of each domain; the same input gives the same router.
  ///
  /// - Throws: `RouterError` for fewer than two domains, a domain without rows, rows of different width or
  ///   with numbers that are not finite.
  public static func train(
    features: [String: [[Float]]], none: [[Float]] = [], adapters: [String: String] = [:],
    policy: RoutingPolicy = RoutingPolicy(), base: String? = nil, seed: UInt64 = 0
  ) throws -> HeadRouter {
    try train(
      features: features, none: none, compounds: [], adapters: adapters, policy: policy, base: base,
      seed: seed)
  }

  /// Without `compounds` the means of two rows stand in for them.
  private static func train(
    features: [String: [[Float]]], none: [[Float]], compounds: [CompoundRow], adapters: [String: String],
    policy: RoutingPolicy, base: String?, seed: UInt64
  ) throws -> HeadRouter {
    try policy.validate()
    guard features.count >= 2 else { throw RouterError.tooFewDomains(features.count) }
    let domains = features.keys.sorted()
    var rows: [[Float]] = []
    var labels: [Int] = []
    let width = domains.lazy.compactMap { features[$0]?.first?.count }.first ?? 0
    for (label, name) in (domains + ["none"]).enumerated() {
      let own = label < domains.count ? features[name] ?? [] : none
      guard !own.isEmpty || label == domains.count else { throw RouterError.emptyDomain(name) }
      for (position, row) in own.enumerated() {
        guard row.count == width, width > 0 else {
          throw RouterError.unevenRows(domain: name, row: position, expected: width, found: row.count)
        }
        guard row.allSatisfy(\.isFinite) else { throw RouterError.notFinite(domain: name, row: position) }
      }
      rows += own
      labels += own.map { _ in label }
    }
    return HeadRouter(
      domains: domains, adapters: adapters, policy: policy, base: base,
      model: HeadModel.fit(
        rows, labels: labels, compounds: compounds, domains: domains.count, seed: seed),
      calibration: calibrate(
        rows, labels: labels, compounds: compounds, domains: domains.count, policy: policy, seed: seed),
      embed: nil)
  }

  /// Measures heads trained on three quarters of the rows on the quarter held out.
  private static func calibrate(
    _ rows: [[Float]], labels: [Int], compounds: [CompoundRow], domains: Int, policy: RoutingPolicy,
    seed: UInt64
  ) -> ShareCalibration {
    let folds = Folds(labels: labels, count: foldCount)
    var heldOut: [HeldOutRow] = []
    for fold in 0..<folds.count {
      let (train, held) = folds.split(fold)
      guard (0..<domains).allSatisfy({ domain in train.contains { labels[$0] == domain } }) else { continue }
      let part = HeadModel.fit(
        train.map { rows[$0] }, labels: train.map { labels[$0] },
        compounds: compounds.filter { $0.fold != fold }, domains: domains, seed: seed)
      func measure(_ row: [Float], _ made: [Int]) {
        let scores = part.scores(row)
        heldOut.append(HeldOutRow(scores: scores, fit: part.fit(row, scores: scores), domains: made))
      }
      let standardised = Dictionary(uniqueKeysWithValues: held.map { ($0, part.standardise(rows[$0])) })
      for (row, values) in standardised.sorted(by: { $0.key < $1.key }) {
        measure(values, labels[row] < domains ? [labels[row]] : [])
      }
      for compound in compounds where compound.fold == fold {
        measure(part.standardise(compound.features), compound.domains)
      }
      guard compounds.isEmpty else { continue }
      var generator = SeededGenerator(seed: seed &+ UInt64(fold) &+ 1)
      let pairs = compoundPairs(
        of: held, labels: labels, domains: domains, count: held.count, using: &generator)
      for (a, b) in pairs {
        guard let first = standardised[a], let second = standardised[b] else { continue }
        measure(HeadModel.halfway(first, second), [labels[a], labels[b]])
      }
    }
    return ShareCalibration.fit(heldOut, domains: domains, novelty: policy.novelty)
  }

  public func route(_ prompt: String) async throws -> Route {
    guard let embed else { throw RouterError.needsModel(kind) }
    let rows = try await embed([prompt])
    return try route(features: rows.first ?? [])
  }

  /// Routes a prompt by its mean hidden state `[hidden]`.
  ///
  /// - Throws: `RouterError.wrongWidth` for another width, `notFinite` for a number that is not finite.
  public func route(features: [Float]) throws -> Route {
    guard features.count == model.width else {
      throw RouterError.wrongWidth(expected: model.width, found: features.count)
    }
    guard features.allSatisfy(\.isFinite) else { throw RouterError.notFinite(domain: "prompt", row: 0) }
    let row = model.standardise(features)
    let scores = model.scores(row)
    let distances = model.distances(row)
    let shares = calibration.shares(scores)
    let fit = calibration.margin(fit: model.fit(row, scores: scores), shares: shares)
    let reason = domains.indices.flatMap { i in
      [(Evidence.Kind.confidence, shares), (.distance, distances)].map { kind, values in
        Evidence(
          kind: kind, text: domains[i], domain: domains[i], contribution: values[i], contributions: values)
      }
    }
    return Route(
      shares: shares, domains: domains, adapters: adapters, policy: policy, fit: fit,
      reason: reason.filter { $0.kind == .confidence } + reason.filter { $0.kind == .distance })
  }
}
