extension Reference {
  struct ExpertShape {
    let count, rank, top, inputs, outputs: Int
  }

  /// The `top` largest of a token's logits and the softmax over them; of equal ones the first.
  static func gates<T: ReferenceScalar>(_ logits: [T], top: Int) -> [(expert: Int, gate: T)] {
    let chosen = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(top)
    guard let first = chosen.first else { return [] }
    let weights = chosen.map { T.exp(logits[$0] - logits[first]) }
    let sum = weights.reduce(0, +)
    return zip(chosen, weights).map { ($0, $1 / sum) }
  }

  /// Σ_e g_e·s·B_e·A_e·x of each row `[rows, outputs]`.
  static func experts<T: ReferenceScalar>(
    _ x: [T], router: [T], a: [T], b: [T], scale: T, shape: ExpertShape
  ) -> [T] {
    (0..<x.count / shape.inputs).flatMap { row -> [T] in
      let own = Array(x[row * shape.inputs..<(row + 1) * shape.inputs])
      var y = [T](repeating: 0, count: shape.outputs)
      for (expert, gate) in gates(expertLogits(own, router, shape), top: shape.top) {
        let part = lowRank(own, of: expert, a: a, b: b, scale: scale, shape)
        for index in y.indices { y[index] += gate * part.delta[index] }
      }
      return y
    }
  }

  static func expertsBackward<T: ReferenceScalar>(
    _ x: [T], router: [T], a: [T], b: [T], dy: [T], scale: T, shape: ExpertShape
  ) -> (dx: [T], drouter: [T], da: [T], db: [T]) {
    var dx = [T](repeating: 0, count: x.count)
    var (drouter, da, db) = (router.map { _ in T(0) }, a.map { _ in T(0) }, b.map { _ in T(0) })
    let (n, m) = (shape.inputs, shape.outputs)
    for row in 0..<x.count / n {
      let own = Array(x[row * n..<(row + 1) * n])
      let slope = Array(dy[row * m..<(row + 1) * m])
      let chosen = gates(expertLogits(own, router, shape), top: shape.top)
      let parts = chosen.map { lowRank(own, of: $0.expert, a: a, b: b, scale: scale, shape) }
      let gateSlopes = parts.map { zip($0.delta, slope).reduce(T(0)) { $0 + $1.0 * $1.1 } }
      let mean = zip(chosen, gateSlopes).reduce(T(0)) { $0 + $1.0.gate * $1.1 }
      for ((entry, part), gateSlope) in zip(zip(chosen, parts), gateSlopes) {
        let (e, r) = (entry.expert, shape.rank)
        let back = lowRankBackward(
          own, u: part.u, dy: slope.map { $0 * entry.gate }, a: Array(a[e * r * n..<(e + 1) * r * n]),
          b: Array(b[e * m * r..<(e + 1) * m * r]), scale: scale, rows: 1, inputs: n, outputs: m, rank: r)
        for (index, value) in (back.da ?? []).enumerated() { da[e * r * n + index] += value }
        for (index, value) in back.db.enumerated() { db[e * m * r + index] += value }
        let logitSlope = entry.gate * (gateSlope - mean)
        for k in 0..<n {
          dx[row * n + k] += back.dx[k] + logitSlope * router[e * n + k]
          drouter[e * n + k] += logitSlope * own[k]
        }
      }
    }
    return (dx, drouter, da, db)
  }

  /// N·Σ_e f_e·P_e for logits `[rows, N]`.
  static func balance<T: ReferenceScalar>(_ logits: [T], shares: [T]) -> T {
    let n = shares.count
    let rows = T(logits.count / n)
    return (0..<logits.count / n).reduce(0) { sum, row in
      let p = softmax(Array(logits[row * n..<(row + 1) * n]))
      return sum + T(n) * zip(shares, p).reduce(0) { $0 + $1.0 * $1.1 } / rows
    }
  }

  /// What the balance has of each logit, times the rows: the sum over tokens instead of their mean.
  static func balanceSlopes<T: ReferenceScalar>(_ logits: [T], shares: [T]) -> [T] {
    let n = shares.count
    return (0..<logits.count / n).flatMap { row -> [T] in
      let p = softmax(Array(logits[row * n..<(row + 1) * n]))
      let mean = zip(shares, p).reduce(T(0)) { $0 + $1.0 * $1.1 }
      return zip(shares, p).map { T(n) * $1 * ($0 - mean) }
    }
  }

  private static func softmax<T: ReferenceScalar>(_ logits: [T]) -> [T] {
    let largest = logits.max() ?? 0
    let weights = logits.map { T.exp($0 - largest) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  private static func expertLogits<T: ReferenceScalar>(
    _ x: [T], _ router: [T], _ shape: ExpertShape
  ) -> [T] {
    product(x, router, rows: 1, outputs: shape.count, inputs: shape.inputs, transposed: true)
  }

  private static func lowRank<T: ReferenceScalar>(
    _ x: [T], of expert: Int, a: [T], b: [T], scale: T, _ shape: ExpertShape
  ) -> (u: [T], delta: [T]) {
    let (n, m, r) = (shape.inputs, shape.outputs, shape.rank)
    return lowRank(
      x, a: Array(a[expert * r * n..<(expert + 1) * r * n]),
      b: Array(b[expert * m * r..<(expert + 1) * m * r]),
      scale: scale, rows: 1, inputs: n, outputs: m, rank: r)
  }
}
