import Foundation

/// The numbers of a head router: a standardisation, a linear head, and where each domain's rows lie.
struct HeadModel: Sendable, Equatable {
  let classes: Int
  /// `[hidden]`: the mean of the domains' rows, and one over their deviation (shrunk towards its average).
  let mean: [Float]
  let inverseDeviation: [Float]
  /// `[hidden, classes]` and `[classes]`.
  let weights: [Float]
  let bias: [Float]
  /// `[domains, hidden]`: the mean of each domain's standardised rows.
  let centres: [[Float]]

  var width: Int { mean.count }

  func standardise(_ row: [Float]) -> [Float] {
    (0..<width).map { (row[$0] - mean[$0]) * inverseDeviation[$0] }
  }

  /// x·W + b of a standardised row.
  func scores(_ row: [Float]) -> [Double] {
    var scores = bias.map(Double.init)
    for i in 0..<width {
      let value = Double(row[i])
      for c in 0..<classes { scores[c] += value * Double(weights[i * classes + c]) }
    }
    return scores
  }

  /// One minus the cosine between the row and each domain's centre: 0 along it, 1 across, 2 against.
  /// (On SmolLM2's hidden states it tells strangers better than a Mahalanobis distance by feature.)
  func distances(_ row: [Float]) -> [Double] { centres.map { distance(row, $0) } }

  private func distance(_ row: [Float], _ centre: [Float]) -> Double {
    var product = 0.0
    for i in 0..<width { product += Double(row[i]) * Double(centre[i]) }
    return 1 - product / max(norm(row) * norm(centre), 1e-9)
  }

  private func norm(_ row: [Float]) -> Double {
    row.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  /// How well a row fits: the domains' scores above the strangers', less the distance to the centre of the
  /// blend that the scores describe (a compound prompt lies between centres, not at one).
  func fit(_ row: [Float], scores: [Double]) -> Double {
    let domains = centres.count
    let shares = softmax(Array(scores.prefix(domains)))
    let blend = (0..<width).map { i in
      Float((0..<domains).reduce(0) { $0 + shares[$1] * Double(centres[$1][i]) })
    }
    let lead = classes > domains ? (scores.prefix(domains).max() ?? 0) - scores[domains] : 0
    return lead - distance(row, blend)
  }
}

extension HeadModel {
  /// Fits the head on rows of one class, whose target is that class, and on compound rows, whose target is half
  /// and half. Without any, the means of two rows of different domains stand in for them (mixup, Zhang et al.
  /// 2018, arXiv:1710.09412): the mean hidden state of a compound prompt lies between its parts', though nearer
  /// to one of them than the mean.
  static func fit(
    _ rows: [[Float]], labels: [Int], compounds: [HeadRouter.CompoundRow] = [], domains: Int, seed: UInt64,
    penalty: Double = 1e-3
  ) -> HeadModel {
    let width = rows.first?.count ?? 0
    let classes = max(domains, (labels.max() ?? 0) + 1)
    let own = rows.indices.filter { labels[$0] < domains }
    let mean = average(own.map { rows[$0] }, width: width)
    let deviation = spread(own.map { rows[$0] }, around: mean)
    let typical = max(deviation.reduce(0, +) / Float(max(width, 1)), 1e-6)
    let inverse = deviation.map { 1 / (0.9 * $0 + 0.1 * typical) }
    func standard(_ row: [Float]) -> [Float] { (0..<width).map { (row[$0] - mean[$0]) * inverse[$0] } }
    let standardised = rows.map(standard)
    let centres = (0..<domains).map { domain in
      average(own.filter { labels[$0] == domain }.map { standardised[$0] }, width: width)
    }

    var inputs = standardised
    var targets = labels.map { label in (0..<classes).map { $0 == label ? 1.0 : 0.0 } }
    var counts = [Double](repeating: 0, count: classes)
    for label in labels { counts[label] += 1 }
    var importance = labels.map { ($0 < domains ? 1 : 0.5) / counts[$0] }
    var generator = SeededGenerator(seed: seed)
    var blends = compounds.map { (row: standard($0.features), domains: $0.domains) }
    if compounds.isEmpty {
      let pairs = compoundPairs(
        of: own, labels: labels, domains: domains, count: min(own.count, 3000), using: &generator)
      blends = pairs.map { (halfway(standardised[$0], standardised[$1]), [labels[$0], labels[$1]]) }
    }
    // A few words cut out of a prompt may speak for neither part; a mean holds half of each for certain.
    let trust = compounds.isEmpty ? 1 : 0.3
    for blend in blends {
      inputs.append(blend.row)
      targets.append((0..<classes).map { blend.domains.contains($0) ? 0.5 : 0 })
      importance.append(trust * Double(domains) / Double(blends.count))
    }
    let total = importance.reduce(0, +)
    let head = SoftmaxRegression.fit(
      DenseRows(inputs, width: width), targets: targets, importance: importance.map { $0 / total },
      penalty: penalty, hasBias: true, steps: 60)
    return HeadModel(
      classes: classes, mean: mean, inverseDeviation: inverse, weights: head.weights.map(Float.init),
      bias: head.bias.map(Float.init), centres: centres)
  }

  static func halfway(_ a: [Float], _ b: [Float]) -> [Float] { zip(a, b).map { ($0 + $1) / 2 } }

  private static func average(_ rows: [[Float]], width: Int) -> [Float] {
    var sum = [Double](repeating: 0, count: width)
    for row in rows { for i in 0..<width { sum[i] += Double(row[i]) } }
    return sum.map { Float($0 / Double(max(rows.count, 1))) }
  }

  /// The standard deviation of each feature.
  private static func spread(_ rows: [[Float]], around mean: [Float]) -> [Float] {
    var sum = [Double](repeating: 0, count: mean.count)
    for row in rows {
      for i in mean.indices {
        let difference = Double(row[i] - mean[i])
        sum[i] += difference * difference
      }
    }
    return sum.map { Float(($0 / Double(max(rows.count, 1))).squareRoot()) }
  }
}
