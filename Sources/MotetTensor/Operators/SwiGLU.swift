import CKernels

// y = silu(g)·u, silu(g) = g·σ(g)                        Shazeer 2020, arXiv 2002.05202, equation 6
// dg = dy·u·σ(g)·(1 + g·(1 - σ(g))), du = dy·silu(g)

extension Tape {
  /// The gated activation of the feed-forward block.
  /// - Parameter gateUp: `[tokens, 2·width]`, the gate first
  /// - Returns: `[tokens, width]`, in the tape's storage
  public func swiglu(_ gateUp: Tensor) -> Tensor {
    let width = gateUp.columns / 2
    if isNarrow { return narrowSwiGLU(gateUp, width: width) }
    let tracked = isRecording && gateUp.wantsGradient
    let y = Tensor(rows: gateUp.rows, columns: width, wantsGradient: tracked)
    switch kernels {
    case .fast: mk_swiglu(gateUp.data, y.data, Int64(gateUp.rows), Int64(width))
    case .reference: y.take(Reference.swiglu(gateUp.values, width: width), accumulate: false)
    }
    guard tracked, let target = gateUp.gradient, let dy = y.gradient else { return y }
    let saved = Saved(gateUp, as: storage)
    record { [kernels] in
      guard let dy = dy.take() else { return }
      let gateUp = saved.tensor()
      let back = Tensor(rows: gateUp.rows, columns: gateUp.columns)
      switch kernels {
      case .fast: mk_swiglu_backward(gateUp.data, dy.data, back.data, Int64(gateUp.rows), Int64(width))
      case .reference:
        back.take(Reference.swigluBackward(gateUp.values, dy: dy.values, width: width), accumulate: false)
      }
      target.accumulate(back)
    }
    return y
  }

  /// The same with the result, its gradient's way back and what is kept in bf16.
  private func narrowSwiGLU(_ gateUp: Tensor, width: Int) -> Tensor {
    let tracked = isRecording && gateUp.wantsGradient
    let y = Tensor(rows: gateUp.rows, columns: width, as: .bf16, wantsGradient: tracked)
    let kept = tracked ? Tensor(rows: gateUp.rows, columns: gateUp.columns, as: .bf16) : nil
    profile.measured(.swiglu) {
      mk_swiglu_bf16(gateUp.data, y.narrow, kept?.narrow, Int64(gateUp.rows), Int64(width))
    }
    guard let kept, let target = gateUp.gradient, let dy = y.gradient else { return y }
    record { [profile] in
      guard let dy = dy.take() else { return }
      let back = Tensor(rows: kept.rows, columns: kept.columns, as: .bf16)
      profile.measured(.swiglu) {
        mk_swiglu_backward_bf16(kept.narrow, dy.data, back.narrow, Int64(kept.rows), Int64(width))
      }
      target.accumulate(back)
    }
    return y
  }
}

extension Reference {
  static func swiglu<T: ReferenceScalar>(_ gateUp: [T], width n: Int) -> [T] {
    var y = [T](repeating: 0, count: gateUp.count / 2)
    for i in y.indices {
      let row = i / n
      let j = i % n
      let gate = gateUp[row * 2 * n + j]
      let up = gateUp[row * 2 * n + n + j]
      y[i] = gate * up / (1 + T.exp(-gate))
    }
    return y
  }

  static func swigluBackward<T: ReferenceScalar>(_ gateUp: [T], dy: [T], width n: Int) -> [T] {
    var back = gateUp
    for i in dy.indices {
      let row = i / n
      let j = i % n
      let gate = gateUp[row * 2 * n + j]
      let up = gateUp[row * 2 * n + n + j]
      let sigmoid = 1 / (1 + T.exp(-gate))
      back[row * 2 * n + j] = dy[i] * up * sigmoid * (1 + gate * (1 - sigmoid))
      back[row * 2 * n + n + j] = dy[i] * gate * sigmoid
    }
    return back
  }
}
