extension Tape {
  func attendByReference(
    _ qkv: Tensor, into y: Tensor, shape: AttentionShape, sequences: [SequenceSpan],
    before: (SequenceSpan) -> (keys: [Float], values: [Float])? = { _ in nil }
  ) {
    for span in sequences {
      let rows = span.rows
      let q = qkv.slice(rows, columns: 0..<shape.queryWidth)
      var k = qkv.slice(rows, columns: shape.queryWidth..<shape.queryWidth + shape.kvWidth)
      var v = qkv.slice(rows, columns: shape.queryWidth + shape.kvWidth..<qkv.columns)
      if let before = before(span) { (k, v) = (before.keys + k, before.values + v) }
      let out = Reference.attention(q: q, k: k, v: v, shape: shape, past: span.start)
      for (i, row) in rows.enumerated() {
        for j in 0..<y.columns { y.row(row)[j] = out[i * y.columns + j] }
      }
    }
  }

  func attendBackByReference(
    _ qkv: Tensor, dy: Tensor, into back: Tensor, shape: AttentionShape, sequences: [SequenceSpan]
  ) {
    for span in sequences {
      let rows = span.rows
      let (dq, dk, dv) = Reference.attentionBackward(
        q: qkv.slice(rows, columns: 0..<shape.queryWidth),
        k: qkv.slice(rows, columns: shape.queryWidth..<shape.queryWidth + shape.kvWidth),
        v: qkv.slice(rows, columns: shape.queryWidth + shape.kvWidth..<qkv.columns),
        dy: dy.slice(rows, columns: 0..<dy.columns), shape: shape)
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
  /// (a, b) becomes (a·cos - b·sin, b·cos + a·sin) for the halves a and b of the first `heads` heads of each row;
  /// `direction` is 1, or -1 for the way back.
  static func rotate<T: ReferenceScalar>(
    _ x: [T], columns: Int, heads: Int, dimension: Int, positions: [Int32], cosines: [T], sines: [T],
    direction: T
  ) -> [T] {
    var y = x
    let half = dimension / 2
    for (row, position) in positions.enumerated() {
      for head in 0..<heads {
        for j in 0..<half {
          let a = row * columns + head * dimension + j
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

  /// The weights of one query over the keys it may see.
  private static func attentionWeights<T: ReferenceScalar>(
    _ q: [T], _ k: [T], shape: AttentionShape, head: Int, query: Int, past: Int
  ) -> [T] {
    let d = shape.headDimension
    let kv = head / (shape.heads / shape.kvHeads)
    let scores = (0...past + query).map { key -> T in
      var sum: T = 0
      for j in 0..<d {
        sum += q[query * shape.queryWidth + head * d + j] * k[key * shape.kvWidth + kv * d + j]
      }
      return sum / T(d).squareRoot()
    }
    let highest = scores.reduce(scores[0]) { max($0, $1) }
    let weights = scores.map { T.exp($0 - highest) }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  static func attention<T: ReferenceScalar>(q: [T], k: [T], v: [T], shape: AttentionShape, past: Int) -> [T] {
    let d = shape.headDimension
    let queries = q.count / shape.queryWidth
    var y = [T](repeating: 0, count: q.count)
    for head in 0..<shape.heads {
      let kv = head / (shape.heads / shape.kvHeads)
      for query in 0..<queries {
        let p = attentionWeights(q, k, shape: shape, head: head, query: query, past: past)
        for (key, weight) in p.enumerated() {
          for j in 0..<d {
            y[query * shape.queryWidth + head * d + j] += weight * v[key * shape.kvWidth + kv * d + j]
          }
        }
      }
    }
    return y
  }

  static func attentionBackward<T: ReferenceScalar>(q: [T], k: [T], v: [T], dy: [T], shape: AttentionShape)
    -> (dq: [T], dk: [T], dv: [T])
  {
    let d = shape.headDimension
    let queries = q.count / shape.queryWidth
    var dq = [T](repeating: 0, count: q.count)
    var dk = [T](repeating: 0, count: k.count)
    var dv = dk
    for head in 0..<shape.heads {
      let kv = head / (shape.heads / shape.kvHeads)
      for query in 0..<queries {
        let p = attentionWeights(q, k, shape: shape, head: head, query: query, past: 0)
        let qBase = query * shape.queryWidth + head * d
        var dp = p
        var dot: T = 0
        for key in p.indices {
          var sum: T = 0
          for j in 0..<d { sum += dy[qBase + j] * v[key * shape.kvWidth + kv * d + j] }
          dp[key] = sum
          dot += sum * p[key]
        }
        for key in p.indices {
          let ds = p[key] * (dp[key] - dot) / T(d).squareRoot()
          let kBase = key * shape.kvWidth + kv * d
          for j in 0..<d {
            dv[kBase + j] += p[key] * dy[qBase + j]
            dq[qBase + j] += ds * k[kBase + j]
            dk[kBase + j] += ds * q[qBase + j]
          }
        }
      }
    }
    return (dq, dk, dv)
  }
}
