// y[i] = x[rows[i]]; dx[rows[i]] += dy[i]

extension Tape {
  /// Chosen rows of a tensor: the positions that carry labels or are about to be sampled.
  /// - Parameters:
  ///   - x: `[tokens, hidden]`
  ///   - rows: which rows, in the order they are wanted
  /// - Returns: `[rows.count, hidden]`, in the format of `x`; what is recorded is in f32
  public func gather(_ x: Tensor, rows: [Int]) -> Tensor {
    precondition(rows.allSatisfy { (0..<x.rows).contains($0) })
    let tracked = isRecording && x.wantsGradient
    if !tracked, x.storage == .bf16 {
      let y = Tensor(rows: rows.count, columns: x.columns, as: .bf16)
      for (i, row) in rows.enumerated() {
        (y.narrow + i * x.columns).update(from: x.narrow + row * x.columns, count: x.columns)
      }
      return y
    }
    let y = Tensor(rows: rows.count, columns: x.columns, wantsGradient: tracked)
    for (i, row) in rows.enumerated() { y.row(i).update(from: x.row(row), count: x.columns) }
    guard tracked, let dx = x.gradient, let dy = y.gradient else { return y }
    let height = x.rows
    record {
      guard let dy = dy.take() else { return }
      let sum = dx.accumulator(rows: height, columns: dy.columns)
      for (i, row) in rows.enumerated() {
        let target = sum.row(row)
        let source = dy.row(i)
        for j in 0..<dy.columns { target[j] += source[j] }
      }
    }
    return y
  }
}
