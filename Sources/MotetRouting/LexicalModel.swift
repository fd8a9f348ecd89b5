import Foundation

/// The numbers of a lexical router: known features with a weight for each class.
struct LexicalModel: Sendable, Equatable {
  /// The domains, and one more for "none of them" when it was trained with such rows.
  let classes: Int
  let features: [LexicalFeature]
  /// A feature's size in a prompt before normalising: rarer is larger.
  let scales: [Double]
  /// The size of a word that training never saw: it speaks for nobody but makes the rest count less.
  let unknownScale: Double
  /// `[features, classes]`.
  var weights: [Double]
  private let index: [LexicalFeature: Int]

  init(
    classes: Int, features: [LexicalFeature], scales: [Double], unknownScale: Double, weights: [Double]
  ) {
    self.classes = classes
    self.features = features
    self.scales = scales.map { Double(Float($0)) }  // as they are stored, so that saving changes nothing
    self.unknownScale = unknownScale
    self.weights = weights
    index = Dictionary(zip(features, features.indices), uniquingKeysWith: { first, _ in first })
  }

  /// The known features of a prompt: values of Euclidean length 1, or less when it has words that training
  /// never saw.
  func row(_ found: [LexicalFeature]) -> [(feature: Int, value: Double)] {
    var row: [(feature: Int, value: Double)] = []
    var squares = 0.0
    for feature in found {
      if let i = index[feature] {
        row.append((i, scales[i]))
        squares += scales[i] * scales[i]
      } else if feature.kind == .word {
        squares += unknownScale * unknownScale
      }
    }
    let length = max(squares.squareRoot(), 1e-9)
    return row.map { ($0.feature, $0.value / length) }
  }

  /// x·W: a score for each class.
  func scores(_ row: [(feature: Int, value: Double)]) -> [Double] {
    var scores = [Double](repeating: 0, count: classes)
    for (feature, value) in row {
      for c in 0..<classes { scores[c] += weights[feature * classes + c] * value }
    }
    return scores
  }

  /// The best domain's score above that of "none of them" (or above 0 without such a class).
  func fit(_ scores: [Double], domains: Int) -> Double {
    (scores.prefix(domains).max() ?? 0) - (classes > domains ? scores[domains] : 0)
  }
}

extension LexicalModel {
  /// Learns the weights by softmax regression on rows of one class, and on compound pairs of rows, whose
  /// target is half and half: so that a prompt with words of two domains comes out as both.
  ///
  /// - Parameters:
  ///   - found: the features of every row.
  ///   - labels: the class of every row; `domains` stands for "none of them".
  static func fit(
    _ found: [[LexicalFeature]], labels: [Int], domains: Int, seed: UInt64, penalty: Double = 3e-5
  ) -> LexicalModel {
    let classes = max(domains, (labels.max() ?? 0) + 1)
    let untrained = vocabulary(of: found, classes: classes)
    var rows = SparseRows(width: untrained.features.count)
    var targets: [[Double]] = []
    var counts = [Double](repeating: 0, count: classes)
    for (row, label) in zip(found, labels) {
      rows.append(untrained.row(row))
      targets.append((0..<classes).map { $0 == label ? 1 : 0 })
      counts[label] += 1
    }
    // Each domain counts 1 whatever its number of rows, the strangers half, fragments of the rows half as
    // much as the rows (without them a few frequent words would speak for all), pairs as much as all domains.
    var importance = labels.map { ($0 < domains ? 1 : 0.5) / counts[$0] }
    var generator = SeededGenerator(seed: seed)
    for (row, label) in zip(found, labels) {
      let length = Int.random(in: max(3, row.count / 6)...max(4, row.count / 2), using: &generator)
      rows.append(untrained.row(Array(fragment(of: row, length: length, using: &generator))))
      targets.append((0..<classes).map { $0 == label ? 1 : 0 })
      importance.append((label < domains ? 0.5 : 0.25) / counts[label])
    }
    let pairs = compoundPairs(
      of: Array(labels.indices), labels: labels, domains: domains, count: min(found.count, 3000),
      using: &generator)
    for (a, b) in pairs {
      rows.append(untrained.row(compound(found[a], found[b], using: &generator)))
      targets.append((0..<classes).map { $0 == labels[a] || $0 == labels[b] ? 0.5 : 0 })
      importance.append(Double(domains) / Double(pairs.count))
    }
    let total = importance.reduce(0, +)
    var model = untrained
    model.weights =
      SoftmaxRegression.fit(
        rows, targets: targets, importance: importance.map { $0 / total }, penalty: penalty, hasBias: false
      ).weights.map { Double(Float($0)) }
    return model
  }

  /// The features seen at least twice (once in a small set), the most frequent first.
  private static func vocabulary(of found: [[LexicalFeature]], classes: Int) -> LexicalModel {
    var frequency: [LexicalFeature: Int] = [:]
    for row in found { for feature in row { frequency[feature, default: 0] += 1 } }
    let isSmall = found.count < 1000
    let kept = frequency.filter { $0.value >= 2 || (isSmall && $0.key.kind != .pair) }
      .map { (feature: $0.key, key: $0.key.key, count: $0.value) }
      .sorted { ($1.count, $0.key) < ($0.count, $1.key) }
      .prefix(30_000)
    let rowCount = Double(found.count)
    func scale(_ count: Double) -> Double { (1 + log((1 + rowCount) / (1 + count))).squareRoot() }
    return LexicalModel(
      classes: classes, features: kept.map(\.feature), scales: kept.map { scale(Double($0.count)) },
      unknownScale: scale(1), weights: [Double](repeating: 0, count: kept.count * classes))
  }
}
