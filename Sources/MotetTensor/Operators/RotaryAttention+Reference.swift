extension Tape {
  func attendByReference(
    _ qkv: Tensor, into y: Tensor, rule: AttentionRule, sequences: [SequenceSpan],
    before: (SequenceSpan) -> (keys: [Float], values: [Float])? = { _ in nil }
  ) {
    let shape = rule.shape
    for span in sequences {
      let rows = span.rows
      let q = qkv.slice(rows, columns: 0..<shape.queryWidth)
      var k = qkv.slice(rows, columns: shape.queryWidth..<shape.queryWidth + shape.kvWidth)
      var v = qkv.slice(rows, columns: shape.queryWidth + shape.kvWidth..<qkv.columns)
      if let before = before(span) { (k, v) = (before.keys + k, before.values + v) }
      let out = Reference.attention(q: q, k: k, v: v, rule: rule, past: span.start)
      for (i, row) in rows.enumerated() {
        for j in 0..<y.columns { y.row(row)[j] = out[i * y.columns + j] }
      }
    }
  }

  func attendBackByReference(
    _ qkv: Tensor, dy: Tensor, into back: Tensor, rule: AttentionRule, sequences: [SequenceSpan]
  ) {
    let shape = rule.shape
    for span in sequences {
      let rows = span.rows
      let (dq, dk, dv) = Reference.attentionBackward(
        q: qkv.slice(rows, columns: 0..<shape.queryWidth),
        k: qkv.slice(rows, columns: shape.queryWidth..<shape.queryWidth + shape.kvWidth),
        v: qkv.slice(rows, columns: shape.queryWidth + shape.kvWidth..<qkv.columns),
        dy: dy.slice(rows, columns: 0..<dy.columns), rule: rule)
      for (i, row) in rows.enumerated() {
        let target = back.row(row)
        for j in 0..<shape.queryWidth { target[j] = dq[i * shape.queryWidth + j] }
        for j in 0..<shape.kvWidth {
          target[shape.queryWidth + j] = dk[i * shape.kvWidth + j]
          target[shape.queryWidth + shape.kvWidth + j] = dv[i * shape.kvWidth + j]
        }
      }
    }
  }
}

extension Reference {
  /// (a, b) becomes (a·cos - b·sin, b·cos + a·sin) for the pairs of the queries' and keys' heads in each row;
  /// `direction` is 1, or -1 for the way back.
  static func rotate<T: ReferenceScalar>(
    _ x: [T], columns: Int, rule: AttentionRule, positions: [Int32], cosines: [T], sines: [T], direction: T
  ) -> [T] {
    var y = x
    let half = rule.rotated / 2
    for (row, position) in positions.enumerated() {
      for head in 0..<rule.shape.heads + rule.shape.kvHeads {
        for j in 0..<half {
          let a = row * columns + head * rule.shape.headDimension + j
          let b = a + half
          let cosine = cosines[Int(position) * half + j]
          let sine = sines[Int(position) * half + j] * direction
          y[a] = x[a] * cosine - x[b] * sine
          y[b] = x[b] * cosine + x[a] * sine
        }
      }
    }
    return y
  }

  /// c·tanh(x/c), and its slope 1 - tanh(x/c)²; x and 1 without a c.
  static func softcapped<T: ReferenceScalar>(_ x: T, _ c: Float?) -> (value: T, slope: T) {
    guard let c else { return (x, 1) }
    let t = T.tanh(x / T(c))
    return (T(c) * t, 1 - t * t)
  }

  /// The weights of one query over the keys that it sees, and the slopes of these keys' softcaps.
  private static func attentionWeights<T: ReferenceScalar>(
    _ q: [T], _ k: [T], rule: AttentionRule, head: Int, query: Int, past: Int
  ) -> (keys: Range<Int>, weights: [T], slopes: [T]) {
    let (shape, d) = (rule.shape, rule.shape.headDimension)
    let kv = head / (shape.heads / shape.kvHeads)
    let keys = rule.visible(from: past + query, of: k.count / shape.kvWidth)
    let scores = keys.map { key -> (value: T, slope: T) in
      var sum: T = 0
      for j in 0..<d {
        sum += q[query * shape.queryWidth + head * d + j] * k[key * shape.kvWidth + kv * d + j]
      }
      return softcapped(sum * T(rule.scale), rule.softcap)
    }
    let highest = scores.reduce(scores[0].value) { max($0, $1.value) }
    let weights = scores.map { T.exp($0.value - highest) }
    let total = weights.reduce(0, +)
    return (keys, weights.map { $0 / total }, scores.map(\.slope))
  }

  static func attention<T: ReferenceScalar>(q: [T], k: [T], v: [T], rule: AttentionRule, past: Int) -> [T] {
    let (shape, d) = (rule.shape, rule.shape.headDimension)
    let queries = q.count / shape.queryWidth
    var y = [T](repeating: 0, count: q.count)
    for head in 0..<shape.heads {
      let kv = head / (shape.heads / shape.kvHeads)
      for query in 0..<queries {
        let p = attentionWeights(q, k, rule: rule, head: head, query: query, past: past)
        for (key, weight) in zip(p.keys, p.weights) {
          for j in 0..<d {
            y[query * shape.queryWidth + head * d + j] += weight * v[key * shape.kvWidth + kv * d + j]
          }
        }
      }
    }
    return y
  }

  static func attentionBackward<T: ReferenceScalar>(q: [T], k: [T], v: [T], dy: [T], rule: AttentionRule)
    -> (dq: [T], dk: [T], dv: [T])
  {
    let (shape, d) = (rule.shape, rule.shape.headDimension)
    let queries = q.count / shape.queryWidth
    var dq = [T](repeating: 0, count: q.count)
    var dk = [T](repeating: 0, count: k.count)
    var dv = dk
    for head in 0..<shape.heads {
      let kv = head / (shape.heads / shape.kvHeads)
      for query in 0..<queries {
        let p = attentionWeights(q, k, rule: rule, head: head, query: query, past: 0)
        let qBase = query * shape.queryWidth + head * d
        var dp = p.weights
        var dot: T = 0
        for (index, key) in p.keys.enumerated() {
          var sum: T = 0
          for j in 0..<d { sum += dy[qBase + j] * v[key * shape.kvWidth + kv * d + j] }
          dp[index] = sum
          dot += sum * p.weights[index]
        }
        for (index, key) in p.keys.enumerated() {
          let weight = p.weights[index]
          let ds = weight * (dp[index] - dot) * p.slopes[index] * T(rule.scale)
          let kBase = key * shape.kvWidth + kv * d
          for j in 0..<d {
            dv[kBase + j] += weight * dy[qBase + j]
            dq[qBase + j] += ds * k[kBase + j]
            dk[kBase + j] += ds * q[qBase + j]
          }
        }
      }
    }
    return (dq, dk, dv)
  }
}
