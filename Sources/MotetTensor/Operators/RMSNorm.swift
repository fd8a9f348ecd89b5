import CKernels

// y = w·x·r, r = 1/√(mean(x²) + ε)                       Zhang and Sennrich 2019, arXiv 1910.07467, equation 4
// dx = r·(w·dy) - x·r³/n·Σ(w·dy·x)                       (w is frozen)

extension Tape {
  /// RMSNorm by rows.
  /// - Parameters:
  ///   - x: `[tokens, hidden]`
  ///   - weight: `[hidden]`
  /// - Returns: `[tokens, hidden]`, in the tape's storage
  public func rmsNorm(_ x: Tensor, weight: FrozenVector, epsilon: Float) -> Tensor {
    precondition(weight.values.count == x.columns)
    if isNarrow { return narrowNorm(x, weight: weight, epsilon: epsilon) }
    let tracked = isRecording && x.wantsGradient
    let y = Tensor(rows: x.rows, columns: x.columns, wantsGradient: tracked)
    let inverse = Tensor(rows: x.rows, columns: 1)
    switch kernels {
    case .fast:
      mk_rms_norm(
        x.data, weight.values, epsilon, y.data, inverse.data, Int64(x.rows), Int64(x.columns))
    case .reference:
      y.take(
        Reference.rmsNorm(x.values, weight: weight.values, epsilon: epsilon, columns: x.columns),
        accumulate: false)
    }
    guard tracked, let dx = x.gradient, let dy = y.gradient else { return y }
    let saved = Saved(x, as: storage)
    record { [kernels] in
      guard let dy = dy.take() else { return }
      let x = saved.tensor()
      let sum = dx.accumulator(rows: x.rows, columns: x.columns)
      switch kernels {
      case .fast:
        mk_rms_norm_backward(
          x.data, weight.values, inverse.data, dy.data, sum.data, Int64(x.rows), Int64(x.columns))
      case .reference:
        let back = Reference.rmsNormBackward(
          x.values, weight: weight.values, epsilon: epsilon, dy: dy.values, columns: x.columns)
        sum.take(back, accumulate: true)
      }
    }
    return y
  }

  /// The same with the result, and what is kept of `x`, in bf16.
  private func narrowNorm(_ x: Tensor, weight: FrozenVector, epsilon: Float) -> Tensor {
    let tracked = isRecording && x.wantsGradient
    let y = Tensor(rows: x.rows, columns: x.columns, as: .bf16, wantsGradient: tracked)
    let kept = tracked ? Tensor(rows: x.rows, columns: x.columns, as: .bf16) : nil
    let inverse = Tensor(rows: x.rows, columns: 1)
    profile.measured(.norm) {
      mk_rms_norm_bf16(
        x.data, weight.values, epsilon, y.narrow, kept?.narrow, inverse.data, Int64(x.rows), Int64(x.columns))
    }
    guard let kept, let dx = x.gradient, let dy = y.gradient else { return y }
    record { [profile] in
      guard let dy = dy.take() else { return }
      let sum = dx.accumulator(rows: kept.rows, columns: kept.columns)
      profile.measured(.norm) {
        mk_rms_norm_backward_bf16(
          kept.narrow, weight.values, inverse.data, dy.data, sum.data, Int64(kept.rows), Int64(kept.columns))
      }
    }
    return y
  }
}

extension Reference {
  static func inverseRMS<T: ReferenceScalar>(_ x: ArraySlice<T>, epsilon: T) -> T {
    var sum: T = 0
    for value in x { sum += value * value }
    return 1 / (sum / T(x.count) + epsilon).squareRoot()
  }

  static func rmsNorm<T: ReferenceScalar>(_ x: [T], weight: [T], epsilon: T, columns n: Int) -> [T] {
    var y = x
    for row in 0..<x.count / n {
      let r = inverseRMS(x[row * n..<(row + 1) * n], epsilon: epsilon)
      for j in 0..<n { y[row * n + j] = x[row * n + j] * r * weight[j] }
    }
    return y
  }

  static func rmsNormBackward<T: ReferenceScalar>(
    _ x: [T], weight: [T], epsilon: T, dy: [T], columns n: Int
  ) -> [T] {
    var dx = x
    for row in 0..<x.count / n {
      let r = inverseRMS(x[row * n..<(row + 1) * n], epsilon: epsilon)
      var sum: T = 0
      for j in 0..<n { sum += weight[j] * dy[row * n + j] * x[row * n + j] }
      for j in 0..<n {
        dx[row * n + j] = r * weight[j] * dy[row * n + j] - x[row * n + j] * r * r * r * sum / T(n)
      }
    }
    return dx
  }
}
