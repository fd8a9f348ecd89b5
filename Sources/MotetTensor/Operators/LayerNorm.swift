import CKernels

// y = w·x̂ + b, x̂ = (x - μ)·r, r = 1/√(mean((x - μ)²) + ε)     Ba et al. 2016, arXiv 1607.06450, equation 3 by rows
// dx = r·(g - mean(g) - x̂·mean(g·x̂)), g = w·dy; dw = Σ dy·x̂, db = Σ dy   (dw and db of a copy that trains)

extension Tape {
  /// LayerNorm by rows.
  /// - Parameters:
  ///   - x: `[tokens, hidden]`, in f32
  ///   - weight: `[hidden]`
  ///   - bias: `[hidden]`; nil for none
  ///   - trained: what `weight` and `bias` were taken from, `[1, hidden]` each, where these are copies under training
  /// - Returns: `[tokens, hidden]`, in the tape's storage
  public func layerNorm(
    _ x: Tensor, weight: FrozenVector, bias: FrozenVector?, epsilon: Float,
    trained: (weight: Parameter?, bias: Parameter?) = (nil, nil)
  ) -> Tensor {
    precondition(weight.values.count == x.columns && (bias?.values.count ?? x.columns) == x.columns)
    let trains = trained.weight?.isTrainable == true || trained.bias?.isTrainable == true
    let tracked = isRecording && (x.wantsGradient || trains)
    let y = Tensor(
      rows: x.rows, columns: x.columns, as: isNarrow ? .bf16 : .f32, wantsGradient: tracked)
    let norm = RowNorm(weight: weight, bias: bias, epsilon: epsilon, rows: x.rows)
    let kept = tracked && isNarrow ? Tensor(rows: x.rows, columns: x.columns, as: .bf16) : nil
    switch kernels {
    case .fast: profile.measured(.norm) { norm.forward(x, into: y, keeping: kept) }
    case .reference:
      y.take(
        Reference.layerNorm(x.values, weight: weight.values, bias: bias?.values, epsilon: epsilon),
        accumulate: false)
    }
    guard tracked, let dy = y.gradient else { return y }
    let dx = x.gradient
    let saved = kept ?? x.converted(to: storage).withoutGradient
    record { [kernels, profile] in
      guard let dy = dy.take()?.converted(to: .f32) else { return }
      if kernels == .reference {
        return norm.backwardByReference(saved.values, dy: dy.values, into: dx, trained)
      }
      if trains { profile.measured(.weightGradient) { norm.gather(dy, saved, into: trained) } }
      guard let dx else { return }
      let sum = dx.accumulator(rows: dy.rows, columns: dy.columns)
      profile.measured(.norm) { norm.backward(dy, saved, into: sum) }
    }
    return y
  }
}

/// One LayerNorm of a batch's rows, with the mean and 1/√(variance + ε) of each.
@Compute
private struct RowNorm {
  let weight: FrozenVector
  let bias: FrozenVector?
  let epsilon: Float
  let means: Tensor
  let inverse: Tensor

  init(weight: FrozenVector, bias: FrozenVector?, epsilon: Float, rows: Int) {
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
    means = Tensor(rows: rows, columns: 1)
    inverse = Tensor(rows: rows, columns: 1)
  }

  /// - Parameter kept: where x goes in bf16
  func forward(_ x: Tensor, into y: Tensor, keeping kept: Tensor?) {
    func run(_ bias: UnsafePointer<Float>?) {
      mk_layer_norm(
        x.data, weight.values, bias, epsilon, y.storage == .f32 ? y.data : nil,
        y.storage == .bf16 ? y.narrow : nil, kept?.narrow, means.data, inverse.data, Int64(x.rows),
        Int64(x.columns))
    }
    if let bias { bias.values.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
  }

  /// Adds to `dx`.
  func backward(_ dy: Tensor, _ x: Tensor, into dx: Tensor) {
    mk_layer_norm_backward(
      x.storage == .f32 ? x.data : nil, x.storage == .bf16 ? x.narrow : nil, weight.values, means.data,
      inverse.data, dy.data, dx.data, Int64(dy.rows), Int64(dy.columns))
  }

  /// Adds to the gradients of the weight and the bias.
  func gather(_ dy: Tensor, _ x: Tensor, into trained: (weight: Parameter?, bias: Parameter?)) {
    if let gradient = trained.weight?.gradient {
      mk_layer_norm_gradient(
        x.storage == .f32 ? x.data : nil, x.storage == .bf16 ? x.narrow : nil, means.data, inverse.data,
        dy.data, gradient.data, Int64(dy.rows), Int64(dy.columns))
    }
    trained.bias?.gatherColumns(dy, kernels: .fast)
  }

  func backwardByReference(
    _ x: [Float], dy: [Float], into dx: Gradient?, _ trained: (weight: Parameter?, bias: Parameter?)
  ) {
    let back = Reference.layerNormBackward(x, weight: weight.values, epsilon: epsilon, dy: dy)
    trained.weight?.gradient?.take(back.dw, accumulate: true)
    trained.bias?.gradient?.take(back.db, accumulate: true)
    let n = weight.values.count
    dx?.accumulator(rows: x.count / n, columns: n).take(back.dx, accumulate: true)
  }
}

extension Reference {
  /// x̂ and r of a row.
  private static func normal<T: ReferenceScalar>(_ x: ArraySlice<T>, epsilon: T) -> (values: [T], inverse: T)
  {
    let mean = x.reduce(0, +) / T(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / T(x.count)
    let inverse = 1 / (variance + epsilon).squareRoot()
    return (x.map { ($0 - mean) * inverse }, inverse)
  }

  static func layerNorm<T: ReferenceScalar>(_ x: [T], weight: [T], bias: [T]?, epsilon: T) -> [T] {
    let n = weight.count
    return stride(from: 0, to: x.count, by: n).flatMap { start -> [T] in
      let normed = normal(x[start..<start + n], epsilon: epsilon).values
      return (0..<n).map { weight[$0] * normed[$0] + (bias?[$0] ?? 0) }
    }
  }

  static func layerNormBackward<T: ReferenceScalar>(
    _ x: [T], weight: [T], epsilon: T, dy: [T]
  ) -> (dx: [T], dw: [T], db: [T]) {
    let n = weight.count
    var dx = x
    var dw = [T](repeating: 0, count: n)
    var db = dw
    for start in stride(from: 0, to: x.count, by: n) {
      let (normed, inverse) = normal(x[start..<start + n], epsilon: epsilon)
      let g = (0..<n).map { weight[$0] * dy[start + $0] }
      let mean = g.reduce(0, +) / T(n)
      let share = zip(g, normed).reduce(0) { $0 + $1.0 * $1.1 } / T(n)
      for j in 0..<n {
        dx[start + j] = inverse * (g[j] - mean - normed[j] * share)
        dw[j] += dy[start + j] * normed[j]
        db[j] += dy[start + j]
      }
    }
    return (dx, dw, db)
  }
}
