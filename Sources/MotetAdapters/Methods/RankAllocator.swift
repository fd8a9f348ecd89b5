import MotetTensor

/// Gives ranks to sites by how much the values of each rank matter in training.
///
/// Importance follows PEFT's `RankAllocator`, as the authors' code (Zhang et al. 2023, arXiv 2303.10512): after a step
/// |w·∂L/∂w| with the new w and the gradient of the step is smoothed (equation 9), its uncertainty too (10); of their
/// product (11) the mean over a rank's values in each factor is summed over the factors (7).
@Compute
struct RankAllocator {
  /// A factor of a site's update.
  struct Factor {
    let parameter: Parameter
    /// Whether a rank is a column of it, not a row.
    let hasRankColumns: Bool
    var ranks: Int { hasRankColumns ? parameter.columns : parameter.rows }
  }

  private let sites: [[Factor]]
  private let beta1: Float
  private let beta2: Float
  /// By site and factor; empty once it is forgotten.
  private var importance: [[ValueImportance]]

  init(_ sites: [[Factor]], beta1: Double = 0.85, beta2: Double = 0.85) {
    self.sites = sites
    self.beta1 = Float(beta1)
    self.beta2 = Float(beta2)
    importance = sites.map { $0.map { ValueImportance(count: $0.parameter.count) } }
  }

  /// Keeps the gradients of the step under way, which the optimizer zeroes before ``update()``.
  mutating func keepGradients() {
    for site in importance.indices {
      for index in importance[site].indices { importance[site][index].keep(sites[site][index].parameter) }
    }
  }

  /// Takes in the step whose gradients were kept, after the optimizer moved the parameters.
  mutating func update() {
    for site in importance.indices {
      for index in importance[site].indices {
        importance[site][index].update(sites[site][index].parameter, beta1: beta1, beta2: beta2)
      }
    }
  }

  /// Which ranks of each site are among the `count` most important of all.
  /// - Parameter candidates: those that may stay; nil for all
  func mostImportant(_ count: Int, among candidates: [[Bool]]? = nil) -> [[Bool]] {
    var places: [(site: Int, rank: Int, score: Float)] = []
    for site in sites.indices {
      for (rank, score) in scores(of: site).enumerated() where candidates?[site][rank] ?? true {
        places.append((site, rank, score))
      }
    }
    var open = sites.map { [Bool](repeating: false, count: $0.first?.ranks ?? 0) }
    // Of equal ones the first stay, so that the count is kept.
    let order = places.indices.sorted {
      (places[$1].score, $0) < (places[$0].score, $1)
    }
    for index in order.prefix(count) { open[places[index].site][places[index].rank] = true }
    return open
  }

  /// Of the ranks of a site.
  private func scores(of site: Int) -> [Float] {
    let ranks = sites[site].first?.ranks ?? 0
    var sums = [Float](repeating: 0, count: ranks)
    guard importance.indices.contains(site) else { return sums }
    for (factor, importance) in zip(sites[site], importance[site]) {
      let values = importance.scores
      let length = values.count / ranks
      for rank in 0..<ranks {
        let own =
          factor.hasRankColumns
          ? stride(from: rank, to: values.count, by: ranks).reduce(0) { $0 + values[$1] }
          : values[rank * length..<(rank + 1) * length].reduce(0, +)
        sums[rank] += own / Float(length)
      }
    }
    return sums
  }

  /// Drops what led to a choice that is made for good.
  mutating func forget() { importance = [] }

  var hasForgotten: Bool { importance.isEmpty }

  // MARK: Checkpoints

  /// Empty once it is forgotten.
  var memory: [String: [Float]] {
    var memory: [String: [Float]] = [:]
    for (index, importance) in importance.joined().enumerated() {
      memory["sensitivity.\(index)"] = importance.sensitivity
      memory["uncertainty.\(index)"] = importance.uncertainty
    }
    return memory
  }

  /// - Throws: ``MethodError/foreignMemory(_:)``
  mutating func restore(_ memory: [String: [Float]]) throws {
    var index = 0
    importance = try sites.map { factors in
      try factors.map { factor in
        defer { index += 1 }
        guard let sensitivity = memory["sensitivity.\(index)"], sensitivity.count == factor.parameter.count,
          let uncertainty = memory["uncertainty.\(index)"], uncertainty.count == factor.parameter.count
        else { throw MethodError.foreignMemory("sensitivity.\(index)") }
        return ValueImportance(sensitivity: sensitivity, uncertainty: uncertainty)
      }
    }
  }
}

/// How much the values of one parameter matter.
private struct ValueImportance {
  var sensitivity: [Float]
  var uncertainty: [Float]
  /// The gradient of the step under way.
  private var gradient: [Float] = []

  init(count: Int) {
    sensitivity = [Float](repeating: 0, count: count)
    uncertainty = sensitivity
  }

  init(sensitivity: [Float], uncertainty: [Float]) {
    self.sensitivity = sensitivity
    self.uncertainty = uncertainty
  }

  @Compute
  mutating func keep(_ parameter: Parameter) { gradient = parameter.gradient?.values ?? [] }

  @Compute
  mutating func update(_ parameter: Parameter, beta1: Float, beta2: Float) {
    guard gradient.count == sensitivity.count else { return }
    let values = parameter.values.data
    for index in sensitivity.indices {
      let now = abs(values[index] * gradient[index])
      sensitivity[index] = beta1 * sensitivity[index] + (1 - beta1) * now
      uncertainty[index] = beta2 * uncertainty[index] + (1 - beta2) * abs(now - sensitivity[index])
    }
    gradient = []
  }

  var scores: [Float] { zip(sensitivity, uncertainty).map { $0 * $1 } }
}
