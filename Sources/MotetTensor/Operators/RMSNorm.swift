import CKernels

// y = w·x·r, r = 1/√(mean(x²) + ε)                       Zhang and Sennrich 2019, arXiv 1910.07467, equation 4
// dx = r·(w·dy) - x·r³/n·Σ(w·dy·x), dw = Σ dy·x·r        (dw of a copy that trains; w itself is frozen)

extension Tape {
  /// RMSNorm by rows.
  /// - Parameters:
  ///   - x: `[tokens, hidden]`
  ///   - weight: `[hidden]`
  ///   - trained: what `weight` was taken from, `[1, hidden]`, where that is a copy under training
  /// - Returns: `[tokens, hidden]`, in the tape's storage
  public func rmsNorm(
    _ x: Tensor, weight: FrozenVector, epsilon: Float, trained: Parameter? = nil
  ) -> Tensor {
    precondition(weight.values.count == x.columns)
    if isNarrow { return narrowNorm(x, weight: weight, epsilon: epsilon, trained: trained) }
    let tracked = isRecording && (x.wantsGradient || trained?.isTrainable == true)
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
    guard tracked, let dy = y.gradient else { return y }
    let dx = x.gradient
    let saved = Saved(x, as: storage)
    record { [kernels] in
      guard let dy = dy.take() else { return }
      let x = saved.tensor()
      trained?.gatherNormGradient(dy, x, inverse: inverse, epsilon: epsilon, kernels: kernels)
      guard let dx else { return }
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
  private func narrowNorm(
    _ x: Tensor, weight: FrozenVector, epsilon: Float, trained: Parameter?
  ) -> Tensor {
    let tracked = isRecording && (x.wantsGradient || trained?.isTrainable == true)
    let y = Tensor(rows: x.rows, columns: x.columns, as: .bf16, wantsGradient: tracked)
    let kept = tracked ? Tensor(rows: x.rows, columns: x.columns, as: .bf16) : nil
    let inverse = Tensor(rows: x.rows, columns: 1)
    profile.measured(.norm) {
      mk_rms_norm_bf16(
        x.data, weight.values, epsilon, y.narrow, kept?.narrow, inverse.data, Int64(x.rows), Int64(x.columns))
    }
    guard let kept, let dy = y.gradient else { return y }
    let dx = x.gradient
    record { [profile] in
      guard let dy = dy.take() else { return }
      if let trained {
        profile.measured(.weightGradient) {
          trained.gatherNormGradient(dy, kept, inverse: inverse, epsilon: epsilon, kernels: .fast)
        }
      }
      guard let dx else { return }
      let sum = dx.accumulator(rows: kept.rows, columns: kept.columns)
      profile.measured(.norm) {
        mk_rms_norm_backward_bf16(
          kept.narrow, weight.values, inverse.data, dy.data, sum.data, Int64(kept.rows), Int64(kept.columns))
      }
    }
    return y
  }
}

extension Parameter {
  /// dw += Σ dy·x·r over rows.
  /// - Parameter inverse: r `[tokens, 1]`, which the plain loops do not keep
  fileprivate func gatherNormGradient(
    _ dy: Tensor, _ x: Tensor, inverse: Tensor, epsilon: Float, kernels: Kernels
  ) {
    guard let gradient else { return }
    if kernels == .reference {
      let back = Reference.rmsNormWeightBackward(
        x.values, epsilon: epsilon, dy: dy.values, columns: x.columns)
      return gradient.take(back, accumulate: true)
    }
    let (x, dy) = (x.converted(to: .f32), dy.converted(to: .f32))
    let sum = gradient.data
    for row in 0..<x.rows {
      let (r, own, slope) = (inverse.data[row], x.row(row), dy.row(row))
      for j in 0..<x.columns { sum[j] += slope[j] * own[j] * r }
    }
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

  static func rmsNormWeightBackward<T: ReferenceScalar>(
    _ x: [T], epsilon: T, dy: [T], columns n: Int
  ) -> [T] {
    var dw = [T](repeating: 0, count: n)
    for row in 0..<x.count / n {
      let r = inverseRMS(x[row * n..<(row + 1) * n], epsilon: epsilon)
      for j in 0..<n { dw[j] += dy[row * n + j] * x[row * n + j] * r }
    }
    return dw
  }
}
