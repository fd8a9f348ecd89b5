import CKernels

// z = h·Wᵀ, loss = log Σ exp(z) - z[target]; dz = scale·(softmax(z) - onehot), dh = dz·W
//
// Rows are taken in chunks, and the gradient is computed while a chunk's logits are there: `tokens × vocabulary`
// never exists.

extension Tape {
  /// Rows of logits that exist at one time.
  static let headChunk = 128

  /// The head's cross-entropy by row.
  /// - Parameters:
  ///   - h: `[labels, hidden]`, normed
  ///   - head: `[vocabulary, hidden]`
  ///   - targets: the token each row should predict
  ///   - scales: what each row's loss counts in the sum that is differentiated, such as 1/labels
  /// - Returns: the loss of each row in nats
  public func headLoss(_ h: Tensor, head: FrozenMatrix, targets: [Int32], scales: [Float]) throws -> [Float] {
    precondition(targets.count == h.rows && scales.count == h.rows)
    precondition(targets.allSatisfy { (0..<head.outputs).contains(Int($0)) }, "a target past the vocabulary")
    let tracked = isRecording && h.wantsGradient
    let back = tracked ? Tensor(rows: h.rows, columns: h.columns) : nil
    var losses = [Float](repeating: 0, count: h.rows)
    for start in stride(from: 0, to: h.rows, by: Self.headChunk) {
      let rows = start..<min(start + Self.headChunk, h.rows)
      let input = h.copy(of: rows)
      let logits = Tensor(rows: rows.count, columns: head.outputs)
      try profile.measured(.head) { try head.multiply(input, into: logits, kernels: kernels) }
      switch kernels {
      case .fast:
        profile.measured(.loss) {
          losses.withUnsafeMutableBufferPointer { losses in
            targets.withUnsafeBufferPointer { targets in
              scales.withUnsafeBufferPointer { scales in
                mk_cross_entropy(
                  logits.data, targets.baseAddress.map { $0 + start }, losses.baseAddress.map { $0 + start },
                  tracked ? scales.baseAddress.map { $0 + start } : nil, Int64(rows.count),
                  Int64(head.outputs))
              }
            }
          }
        }
      case .reference:
        let (loss, gradient) = Reference.crossEntropy(
          logits.values, targets: Array(targets[rows]), scales: Array(scales[rows]), columns: head.outputs)
        losses.replaceSubrange(rows, with: loss)
        logits.take(gradient, accumulate: false)
      }
      guard let back else { continue }
      let part = Tensor(rows: rows.count, columns: h.columns)
      try profile.measured(.head) { try head.multiplyTransposed(logits, into: part, kernels: kernels) }
      back.row(start).update(from: part.data, count: part.count)
    }
    if let back, let dh = h.gradient { record { dh.accumulate(back) } }
    return losses
  }

  /// Logits `[rows, vocabulary]`, for sampling and scoring.
  public func logits(_ h: Tensor, head: FrozenMatrix) throws -> Tensor {
    let logits = Tensor(rows: h.rows, columns: head.outputs)
    try head.multiply(h, into: logits, kernels: kernels)
    return logits
  }
}

extension Tensor {
  /// Some rows, in the same format.
  fileprivate func copy(of range: Range<Int>) -> Tensor {
    let part = Tensor(rows: range.count, columns: columns, as: storage)
    part.take(bytesFrom: address(ofRow: range.lowerBound))
    return part
  }
}

extension Reference {
  static func crossEntropy<T: ReferenceScalar>(
    _ logits: [T], targets: [Int32], scales: [T], columns n: Int
  ) -> (losses: [T], gradient: [T]) {
    var gradient = logits
    let losses = targets.indices.map { row -> T in
      let z = logits[row * n..<(row + 1) * n]
      let highest = z.reduce(z[row * n]) { max($0, $1) }
      var total: T = 0
      for value in z { total += T.exp(value - highest) }
      for j in 0..<n {
        let p = T.exp(logits[row * n + j] - highest) / total
        gradient[row * n + j] = scales[row] * (p - (j == Int(targets[row]) ? 1 : 0))
      }
      return T.log(total) + highest - logits[row * n + Int(targets[row])]
    }
    return (losses, gradient)
  }
}
