import CKernels

// y = residual + s·z: dresidual = dy, dz = s·dy
// y = s·x: dx = s·dy

extension Tape {
  /// The residual stream with what a sublayer gives, where that is normed or scaled before it is added.
  /// - Parameters:
  ///   - residual: `[tokens, hidden]`, in f32
  ///   - y: `[tokens, hidden]`, in any format
  /// - Returns: residual + scale·y, `[tokens, hidden]` in f32
  public func sum(_ residual: Tensor, _ y: Tensor, scale: Float = 1) -> Tensor {
    precondition(residual.rows == y.rows && residual.columns == y.columns)
    let tracked = isRecording && (residual.wantsGradient || y.wantsGradient)
    let sum = Tensor(rows: y.rows, columns: y.columns, wantsGradient: tracked)
    switch kernels {
    case .fast:
      mk_sum_scaled(
        residual.data, y.storage == .f32 ? y.data : nil, y.storage == .bf16 ? y.narrow : nil, scale,
        sum.data, Int64(y.count))
    case .reference:
      sum.take(Reference.sum(residual.values, y.values, scale: scale), accumulate: false)
    }
    guard tracked, let dsum = sum.gradient else { return sum }
    let (dresidual, dy) = (residual.gradient, y.gradient)
    record { [kernels] in
      guard let dsum = dsum.take()?.converted(to: .f32) else { return }
      // A copy: what a gradient is given is its own.
      if let dy { dy.accumulate(dsum.times(scale, kernels: kernels)) }
      dresidual?.accumulate(dsum)
    }
    return sum
  }

  /// Every value times one factor.
  /// - Returns: factor·x, in the format of `x`
  public func scaled(_ x: Tensor, by factor: Float) -> Tensor {
    let scaled = x.times(factor, kernels: kernels)
    guard isRecording, let dx = x.gradient else { return scaled }
    let y = scaled.withPlaceForGradient
    guard let dy = y.gradient else { return scaled }
    record { [kernels] in
      guard let dy = dy.take() else { return }
      dx.accumulate(dy.times(factor, kernels: kernels))
    }
    return y
  }
}

extension Tensor {
  /// A new tensor of factor·self, in the same format.
  func times(_ factor: Float, kernels: Kernels) -> Tensor {
    let y = Tensor(rows: rows, columns: columns, as: storage)
    switch (kernels, storage) {
    case (.fast, .f32): mk_scale(data, factor, y.data, Int64(count))
    case (_, .bf16): mk_scale_bf16(narrow, factor, y.narrow, Int64(count))
    case (.reference, .f32): y.take(Reference.scaled(values, by: factor), accumulate: false)
    }
    return y
  }
}

extension Reference {
  static func sum<T: ReferenceScalar>(_ residual: [T], _ y: [T], scale: T) -> [T] {
    zip(residual, y).map { $0 + scale * $1 }
  }

  static func scaled<T: ReferenceScalar>(_ x: [T], by factor: T) -> [T] { x.map { factor * $0 } }
}
