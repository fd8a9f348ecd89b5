import Foundation

/// The domains' rows, checked and put in order, with folds for measuring on rows that were held out.
struct TrainingRows {
  let domains: [String]
  /// The prompts of every domain one after the other, then those that belong to none.
  let prompts: [String]
  /// The class of each prompt; `domains.count` is "none of them".
  let labels: [Int]

  /// - Throws: `RouterError` for fewer than two domains or a domain without a prompt.
  init(_ rows: [String: [String]], none: [String]) throws {
    guard rows.count >= 2 else { throw RouterError.tooFewDomains(rows.count) }
    domains = rows.keys.sorted()
    var prompts: [String] = []
    var labels: [Int] = []
    for (label, domain) in domains.enumerated() {
      let usable = (rows[domain] ?? []).filter { !$0.allSatisfy(\.isWhitespace) }
      guard !usable.isEmpty else { throw RouterError.emptyDomain(domain) }
      prompts += usable
      labels += usable.map { _ in label }
    }
    let outside = none.filter { !$0.allSatisfy(\.isWhitespace) }
    self.prompts = prompts + outside
    self.labels = labels + outside.map { _ in rows.count }
  }
}

/// A prompt that needs two domains, made of a prompt of each.
struct CompoundPrompt {
  let prompt: String
  let domains: [Int]
  /// The fold that both parts belong to.
  let fold: Int
}

extension TrainingRows {
  /// Compound prompts: two whole prompts one after the other, or a few words of each, as in "Write Python code
  /// to solve quadratic equations". Both parts lie in one of `folds` folds (dealt as `Folds(labels:count:)` does).
  ///
  /// - Parameter limit: at most so many; fewer when there are fewer rows.
  func compounds(folds: Int, limit: Int, seed: UInt64) -> [CompoundPrompt] {
    let dealt = Folds(labels: labels, count: folds)
    var generator = SeededGenerator(seed: seed)
    let count = min(limit, labels.count { $0 < domains.count }) / folds
    return (0..<folds).flatMap { fold in
      compoundPairs(
        of: dealt.split(fold).held, labels: labels, domains: domains.count, count: count, using: &generator
      ).map { a, b in
        CompoundPrompt(
          prompt: join(prompts[a], prompts[b], using: &generator), domains: [labels[a], labels[b]], fold: fold
        )
      }
    }
  }

  private func join(_ a: String, _ b: String, using generator: inout SeededGenerator) -> String {
    guard Int.random(in: 0..<4, using: &generator) > 0 else { return a + "\n" + b }
    return [a, b].map { prompt in
      let words = prompt.split(whereSeparator: \.isWhitespace)
      let length = Int.random(in: 2...8, using: &generator)
      return fragment(of: words, length: length, using: &generator).joined(separator: " ")
    }.joined(separator: " ")
  }
}

/// Which rows are left out together when a router measures itself while it is trained.
struct Folds {
  let count: Int
  /// The fold of each row.
  let assignment: [Int]

  /// Deals rows into folds so that rows that begin alike stay together: held-out rows are then phrased in
  /// ways the rest does not show, as a stranger's prompts will be.
  init(prompts: [String], labels: [Int], count: Int, seed: UInt64) {
    self.count = count
    func key(_ text: some StringProtocol) -> Int {
      Int(stableHash("\(seed) " + text) % UInt64(count))
    }
    var assignment = prompts.map { prompt in
      key(prompt.lowercased().split(whereSeparator: \.isWhitespace).prefix(2).joined(separator: " "))
    }
    // A class that begins alike nearly everywhere cannot be dealt so: deal it row by row.
    for label in Set(labels) {
      let rows = labels.indices.filter { labels[$0] == label }
      let largest = (0..<count).map { fold in rows.count { assignment[$0] == fold } }.max() ?? 0
      guard Double(largest) > 0.6 * Double(rows.count) else { continue }
      for (position, row) in rows.enumerated() { assignment[row] = position % count }
    }
    self.assignment = assignment
  }

  /// Deals the rows of every class in turn.
  init(labels: [Int], count: Int) {
    self.count = count
    var dealt: [Int: Int] = [:]
    assignment = labels.map { label in
      defer { dealt[label, default: 0] += 1 }
      return dealt[label, default: 0] % count
    }
  }

  /// Rows outside `fold`, and those in it.
  func split(_ fold: Int) -> (train: [Int], held: [Int]) {
    (
      assignment.indices.filter { assignment[$0] != fold },
      assignment.indices.filter { assignment[$0] == fold }
    )
  }
}

/// Pairs of rows of two different domains: what a prompt that needs both looks like.
///
/// - Parameter count: how many pairs; none when fewer than two domains have rows.
func compoundPairs(
  of rows: [Int], labels: [Int], domains: Int, count: Int, using generator: inout SeededGenerator
) -> [(Int, Int)] {
  let byDomain = (0..<domains).map { domain in rows.filter { labels[$0] == domain } }
  let present = (0..<domains).filter { !byDomain[$0].isEmpty }
  guard present.count >= 2 else { return [] }
  return (0..<count).map { _ in
    let first = Int.random(in: 0..<present.count, using: &generator)
    var second = Int.random(in: 0..<present.count - 1, using: &generator)
    if second >= first { second += 1 }
    let a = byDomain[present[first]]
    let b = byDomain[present[second]]
    return (
      a[Int.random(in: 0..<a.count, using: &generator)], b[Int.random(in: 0..<b.count, using: &generator)]
    )
  }
}

/// A run of a row's features: what a shorter prompt might have held of it.
func fragment<Feature>(
  of features: [Feature], length: Int, using generator: inout SeededGenerator
) -> ArraySlice<Feature> {
  guard length < features.count else { return features[...] }
  let start = Int.random(in: 0...features.count - length, using: &generator)
  return features[start..<start + length]
}

/// Equally long parts of two rows, as one prompt that needs both: half of it speaks for each.
func compound<Feature: Hashable>(
  _ a: [Feature], _ b: [Feature], using generator: inout SeededGenerator
) -> [Feature] {
  let length = max(4, min(a.count, b.count))
  let joined =
    fragment(of: a, length: length, using: &generator) + fragment(of: b, length: length, using: &generator)
  var seen = Set<Feature>()
  return joined.filter { seen.insert($0).inserted }
}
