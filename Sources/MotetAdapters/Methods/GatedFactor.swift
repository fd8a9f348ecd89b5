import MotetTensor

/// B·diag(c) as the pass takes it, where B trains and each rank has a factor c that trains too, or is set.
@Compute
struct GatedFactor {
  /// `[outputs, rank]`
  let loraB: Parameter
  /// c, `[1, rank]`
  let gate: Parameter
  /// B·diag(c), where the pass leaves the gradient.
  let product: Parameter

  init(_ loraB: [Float], outputs: Int, gate: [Float], trainsGate: Bool) {
    let rank = gate.count
    self.loraB = Parameter(rows: outputs, columns: rank, loraB, trainable: true)
    self.gate = Parameter(rows: 1, columns: rank, gate, trainable: trainsGate)
    product = Parameter(rows: outputs, columns: rank, loraB, trainable: true)
    derive()
  }

  var rank: Int { gate.columns }

  func derive() {
    let c = gate.values.data
    for row in 0..<product.rows {
      let (from, to) = (loraB.values.row(row), product.values.row(row))
      for column in 0..<rank { to[column] = from[column] * c[column] }
    }
  }

  /// With G = ∂L/∂(B·diag(c)): ∂L/∂B = G·diag(c), and ∂L/∂c = Σ_rows G∘B.
  func gatherGradients() {
    guard let slope = product.gradient, let target = loraB.gradient else { return }
    let c = gate.values.data
    for row in 0..<product.rows {
      let (g, b, to) = (slope.row(row), loraB.values.row(row), target.row(row))
      for column in 0..<rank { to[column] += g[column] * c[column] }
      guard let sums = gate.gradient?.data else { continue }
      for column in 0..<rank { sums[column] += g[column] * b[column] }
    }
    slope.fill(0)
  }
}

extension LowRankWeights {
  /// The ranks at `places` alone, in their order, with the scale as it is.
  func keeping(_ places: [Int], site: String) throws -> LowRankWeights {
    try LowRankWeights(
      rank: places.count, inputs: inputs, outputs: outputs,
      loraA: places.flatMap { loraA[$0 * inputs..<($0 + 1) * inputs] },
      loraB: (0..<outputs).flatMap { row in places.map { loraB[row * rank + $0] } }, scale: scale, site: site)
  }
}

extension [String: LowRankWeights] {
  /// Without the ranks whose gate is closed. A site that keeps none is left out; where no site keeps any, all ranks
  /// stay, so that there is an adapter.
  func pruned(by gates: [String: [Float]]) throws -> [String: LowRankWeights] {
    var kept: [String: LowRankWeights] = [:]
    for (path, update) in self {
      let open = (gates[path] ?? []).indices.filter { gates[path]?[$0] != 0 }
      if !open.isEmpty { kept[path] = try update.keeping(open, site: path) }
    }
    return kept.isEmpty ? self : kept
  }
}
