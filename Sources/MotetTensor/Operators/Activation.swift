import CKernels

// y = f(x), dx = dy·f′(x); gated: y = f(g)·u, dg = dy·u·f′(g), du = dy·f(g)
//                                                        Shazeer 2020, arXiv 2002.05202, equations 5 and 6

/// The function between the matrices of a feed-forward block.
public enum Activation: String, Sendable, CaseIterable {
  /// x·σ(x)
  case silu
  /// x·Φ(x), Φ the normal distribution's (Hendrycks and Gimpel 2016, arXiv 1606.08415, §2)
  case gelu
  /// x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2: what GPT-2, Gemma and Phi have for `gelu`
  case geluTanh
  /// x·σ(1.702·x)
  case quickGelu
  case relu
  case tanh

  /// As the kernels take it.
  var kind: Int32 {
    switch self {
    case .silu: Int32(MK_SILU)
    case .gelu: Int32(MK_GELU)
    case .geluTanh: Int32(MK_GELU_TANH)
    case .quickGelu: Int32(MK_QUICK_GELU)
    case .relu: Int32(MK_RELU)
    case .tanh: Int32(MK_TANH)
    }
  }
}

extension Tape {
  /// The gated activation of a feed-forward block.
  /// - Parameter gateUp: `[tokens, 2·width]`, the gate first
  /// - Returns: f(gate)·up, `[tokens, width]`, in the tape's storage
  public func gated(_ gateUp: Tensor, _ activation: Activation) -> Tensor {
    precondition(gateUp.columns % 2 == 0)
    if activation == .silu { return swiglu(gateUp) }
    return apply(activation, to: gateUp, isGated: true)
  }

  /// The activation of a feed-forward block without a gate.
  /// - Parameter x: `[tokens, width]`
  /// - Returns: f(x), `[tokens, width]`, in the tape's storage
  public func activated(_ x: Tensor, _ activation: Activation) -> Tensor {
    apply(activation, to: x, isGated: false)
  }

  private func apply(_ activation: Activation, to x: Tensor, isGated: Bool) -> Tensor {
    let width = isGated ? x.columns / 2 : x.columns
    let tracked = isRecording && x.wantsGradient
    let y = Tensor(rows: x.rows, columns: width, as: isNarrow ? .bf16 : .f32, wantsGradient: tracked)
    let wide = x.converted(to: .f32)
    let kept = tracked && isNarrow ? Tensor(rows: x.rows, columns: x.columns, as: .bf16) : nil
    var described = mk_activation()
    described.kind = activation.kind
    described.is_gated = isGated
    described.rows = Int64(x.rows)
    described.columns = Int64(width)
    switch kernels {
    case .fast:
      var forward = described
      forward.x = UnsafePointer(wide.data)
      forward.y = y.storage == .f32 ? y.data : nil
      forward.narrow_y = y.storage == .bf16 ? y.narrow : nil
      forward.kept = kept?.narrow
      profile.measured(.swiglu) { mk_activate(&forward) }
    case .reference:
      y.take(
        Reference.activated(wide.values, activation, width: width, isGated: isGated), accumulate: false)
    }
    guard tracked, let dx = x.gradient, let dy = y.gradient else { return y }
    let saved = kept ?? wide.converted(to: storage).withoutGradient
    record { [kernels, profile, described] in
      guard let dy = dy.take()?.converted(to: .f32) else { return }
      let back = Tensor(
        rows: saved.rows, columns: saved.columns, as: kernels == .fast ? saved.storage : .f32)
      switch kernels {
      case .fast:
        var backward = described
        backward.dy = UnsafePointer(dy.data)
        switch saved.storage {
        case .f32: (backward.x, backward.dx) = (UnsafePointer(saved.data), back.data)
        case .bf16: (backward.narrow_x, backward.narrow_dx) = (UnsafePointer(saved.narrow), back.narrow)
        }
        profile.measured(.swiglu) { mk_activate_backward(&backward) }
      case .reference:
        back.take(
          Reference.activatedBackward(
            saved.values, activation, dy: dy.values, width: width, isGated: isGated), accumulate: false)
      }
      dx.accumulate(back)
    }
    return y
  }
}

extension Activation {
  /// f(x)
  func value<T: ReferenceScalar>(_ x: T) -> T {
    switch self {
    case .silu: x / (1 + T.exp(-x))
    case .gelu: x * (1 + T.erf(x / T(2).squareRoot())) / 2
    case .geluTanh: x * (1 + T.tanh(Self.tanhArgument(x).value)) / 2
    case .quickGelu: x / (1 + T.exp(T(-1.702) * x))
    case .relu: max(x, 0)
    case .tanh: T.tanh(x)
    }
  }

  /// f′(x); 0 for relu at 0, as PyTorch has it.
  func slope<T: ReferenceScalar>(_ x: T) -> T {
    switch self {
    case .silu:
      return Self.sigmoidSlope(x, 1)
    case .gelu:
      return (1 + T.erf(x / T(2).squareRoot())) / 2 + x * T.exp(-x * x / 2) / (2 * T.pi).squareRoot()
    case .geluTanh:
      let (argument, inner) = Self.tanhArgument(x)
      let t = T.tanh(argument)
      return (1 + t) / 2 + x * (1 - t * t) * inner / 2
    case .quickGelu: return Self.sigmoidSlope(x, T(1.702))
    case .relu: return x > 0 ? 1 : 0
    case .tanh:
      let t = T.tanh(x)
      return 1 - t * t
    }
  }

  /// √(2/π)·(x + 0.044715·x³), and its slope.
  private static func tanhArgument<T: ReferenceScalar>(_ x: T) -> (value: T, slope: T) {
    let scale = (2 / T.pi).squareRoot()
    return (scale * (x + T(0.044715) * x * x * x), scale * (1 + T(0.134145) * x * x))
  }

  /// The slope of x·σ(k·x).
  private static func sigmoidSlope<T: ReferenceScalar>(_ x: T, _ k: T) -> T {
    let s = 1 / (1 + T.exp(-k * x))
    return s * (1 + k * x * (1 - s))
  }
}

extension Reference {
  static func activated<T: ReferenceScalar>(
    _ x: [T], _ activation: Activation, width n: Int, isGated: Bool
  ) -> [T] {
    guard isGated else { return x.map { activation.value($0) } }
    return (0..<x.count / 2).map { i in
      let gate = i / n * 2 * n + i % n
      return activation.value(x[gate]) * x[gate + n]
    }
  }

  static func activatedBackward<T: ReferenceScalar>(
    _ x: [T], _ activation: Activation, dy: [T], width n: Int, isGated: Bool
  ) -> [T] {
    guard isGated else { return zip(x, dy).map { $1 * activation.slope($0) } }
    var back = x
    for i in dy.indices {
      let gate = i / n * 2 * n + i % n
      back[gate] = dy[i] * x[gate + n] * activation.slope(x[gate])
      back[gate + n] = dy[i] * activation.value(x[gate])
    }
    return back
  }
}
