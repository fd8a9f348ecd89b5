import CKernels
import Foundation

// y = residual + h + f(a)·Uᵀ + c, a = h·Dᵀ + b                Houlsby et al. 2019, arXiv 1902.00751, §2.1, figure 2
// dz = dy·U, da = dz·f′(a), dU += dyᵀ·f(a), dc += Σ dy, dD += daᵀ·h, db += Σ da, dh = dy + da·D

/// A module of two small matrices with an activation between them, added to what goes through it.
@Compute
public struct Bottleneck {
  public enum Activation: String, Sendable, CaseIterable {
    /// x·Φ(x) (Hendrycks and Gimpel 2016, arXiv 1606.08415).
    case gelu
    case relu
  }

  /// D `[size, width]`
  public let down: Parameter
  /// b `[1, size]`
  public let downBias: Parameter
  /// U `[width, size]`
  public let up: Parameter
  /// c `[1, width]`
  public let upBias: Parameter
  public let activation: Activation

  public init(
    down: Parameter, downBias: Parameter, up: Parameter, upBias: Parameter, activation: Activation
  ) {
    self.down = down
    self.downBias = downBias
    self.up = up
    self.upBias = upBias
    self.activation = activation
  }

  public var parameters: [Parameter] { [down, downBias, up, upBias] }
  var isTrainable: Bool { parameters.contains(where: \.isTrainable) }
}

extension Tape {
  /// What a sublayer gives, through the modules of a batch's mixes, added to the residual stream.
  /// - Parameters:
  ///   - h: `[tokens, width]`, in f32
  ///   - terms: runs of rows that go through a module, which do not overlap
  ///   - residual: `[tokens, width]`
  /// - Returns: `[tokens, width]`
  public func bottleneck(
    _ h: Tensor, terms: [(rows: Range<Int>, module: Bottleneck)], adding residual: Tensor
  ) -> Tensor {
    precondition(h.rows == residual.rows && h.columns == residual.columns)
    for (rows, module) in terms {
      precondition(rows.lowerBound >= 0 && rows.upperBound <= h.rows)
      precondition(module.down.columns == h.columns && module.up.rows == h.columns)
    }
    let trains = isRecording && terms.contains { $0.module.isTrainable }
    let tracked = isRecording && (trains || h.wantsGradient || residual.wantsGradient)
    let y = Tensor(rows: h.rows, columns: h.columns, wantsGradient: tracked)
    y.copy(from: residual)
    y.add(h)
    let inner = profile.measured(.lowRank) {
      terms.map { $0.module.forward(h, $0.rows, into: y, kernels: kernels) }
    }
    guard tracked, let dy = y.gradient else { return y }
    // Only modules that train need what went through them again.
    let saved = trains ? Saved(h, as: storage) : nil
    let (dh, residualGradient) = (h.gradient, residual.gradient)
    record { [kernels, profile] in
      guard let dy = dy.take()?.converted(to: .f32) else { return }
      let target = dh == nil ? nil : Tensor(rows: dy.rows, columns: dy.columns)
      target?.copy(from: dy)
      let h = saved?.tensor()
      profile.measured(.lowRank) {
        for (term, a) in zip(terms, inner) {
          term.module.backward(h, a, term.rows, dy: dy, into: target, kernels: kernels)
        }
      }
      if let target { dh?.accumulate(target) }
      residualGradient?.accumulate(dy)
    }
    return y
  }
}

extension Bottleneck {
  private var size: Int64 { Int64(down.rows) }
  private var width: Int64 { Int64(down.columns) }

  /// Adds to rows of `y`; returns a, `[rows, size]`.
  fileprivate func forward(_ h: Tensor, _ rows: Range<Int>, into y: Tensor, kernels: Kernels) -> Tensor {
    let m = Int64(rows.count)
    let a = Tensor(rows: rows.count, columns: down.rows)
    if kernels == .reference {
      let result = Reference.bottleneck(
        h.slice(rows, columns: 0..<h.columns), down: down.values.values, downBias: downBias.values.values,
        up: up.values.values, upBias: upBias.values.values, activation: activation)
      a.take(result.inner, accumulate: false)
      y.addSlice(result.delta, rows: rows, columns: 0..<y.columns)
      return a
    }
    for row in 0..<a.rows { a.row(row).update(from: downBias.values.data, count: a.columns) }
    mk_gemm(
      m, size, width, 1, h.row(rows.lowerBound), width, 1, down.values.data, 1, width, 1, a.data, size)
    let z = activated(a)
    mk_gemm(
      m, width, size, 1, z.data, size, 1, up.values.data, 1, size, 1, y.row(rows.lowerBound), width)
    for row in rows { mk_add_scaled(y.row(row), upBias.values.data, 1, width) }
    return a
  }

  /// Adds to the parameters' gradients and to rows of `dh`.
  fileprivate func backward(
    _ h: Tensor?, _ a: Tensor, _ rows: Range<Int>, dy: Tensor, into dh: Tensor?, kernels: Kernels
  ) {
    let m = Int64(rows.count)
    let slope = dy.row(rows.lowerBound)
    if kernels == .reference {
      return backwardByReference(h, a, rows, dy: dy, into: dh)
    }
    let da = Tensor(rows: a.rows, columns: a.columns)
    mk_gemm(m, size, width, 1, slope, width, 1, up.values.data, size, 1, 0, da.data, size)
    for index in 0..<da.count { da.data[index] *= activation.function.slope(a.data[index]) }
    if let gradient = up.gradient {
      mk_gemm(
        width, size, m, 1, slope, 1, width, activated(a).data, size, 1, 1, gradient.data, size)
    }
    if let gradient = upBias.gradient {
      for row in rows { mk_add_scaled(gradient.data, dy.row(row), 1, width) }
    }
    if let gradient = down.gradient, let h {
      mk_gemm(
        size, width, m, 1, da.data, 1, size, h.row(rows.lowerBound), width, 1, 1, gradient.data, width)
    }
    if let gradient = downBias.gradient {
      for row in 0..<da.rows { mk_add_scaled(gradient.data, da.row(row), 1, size) }
    }
    guard let dh else { return }
    mk_gemm(
      m, width, size, 1, da.data, size, 1, down.values.data, width, 1, 1, dh.row(rows.lowerBound), width)
  }

  private func backwardByReference(
    _ h: Tensor?, _ a: Tensor, _ rows: Range<Int>, dy: Tensor, into dh: Tensor?
  ) {
    let columns = 0..<dy.columns
    let back = Reference.bottleneckBackward(
      h?.slice(rows, columns: columns) ?? [Float](repeating: 0, count: rows.count * dy.columns),
      inner: a.values, dy: dy.slice(rows, columns: columns), down: down.values.values, up: up.values.values,
      width: dy.columns, activation: activation)
    down.gradient?.take(back.down, accumulate: true)
    downBias.gradient?.take(back.downBias, accumulate: true)
    up.gradient?.take(back.up, accumulate: true)
    upBias.gradient?.take(back.upBias, accumulate: true)
    dh?.addSlice(back.dh, rows: rows, columns: columns)
  }

  private func activated(_ a: Tensor) -> Tensor {
    let z = Tensor(rows: a.rows, columns: a.columns)
    for index in 0..<a.count { z.data[index] = activation.function.value(a.data[index]) }
    return z
  }
}

extension Bottleneck.Activation {
  var function: MotetTensor.Activation {
    switch self {
    case .gelu: .gelu
    case .relu: .relu
    }
  }
}

extension Reference {
  /// a, and what is added to h.
  static func bottleneck<T: ReferenceScalar>(
    _ h: [T], down: [T], downBias: [T], up: [T], upBias: [T], activation: Bottleneck.Activation
  ) -> (inner: [T], delta: [T]) {
    let (size, width) = (downBias.count, upBias.count)
    let rows = h.count / width
    var a = product(h, down, rows: rows, outputs: size, inputs: width, transposed: true)
    for i in a.indices { a[i] += downBias[i % size] }
    var delta = product(
      a.map { activation.function.value($0) }, up, rows: rows, outputs: width, inputs: size, transposed: true)
    for i in delta.indices { delta[i] += upBias[i % width] }
    return (a, delta)
  }

  /// The gradients of the parameters, and what goes back to h through the module.
  static func bottleneckBackward<T: ReferenceScalar>(
    _ h: [T], inner a: [T], dy: [T], down: [T], up: [T], width: Int, activation: Bottleneck.Activation
  ) -> (down: [T], downBias: [T], up: [T], upBias: [T], dh: [T]) {
    let size = up.count / width
    let rows = dy.count / width
    var da = product(dy, up, rows: rows, outputs: size, inputs: width, transposed: false)
    for i in da.indices { da[i] *= activation.function.slope(a[i]) }
    var (downBias, upBias) = ([T](repeating: 0, count: size), [T](repeating: 0, count: width))
    for i in da.indices { downBias[i % size] += da[i] }
    for i in dy.indices { upBias[i % width] += dy[i] }
    return (
      outer(da, h, rows: rows, m: size, n: width), downBias,
      outer(dy, a.map { activation.function.value($0) }, rows: rows, m: width, n: size), upBias,
      product(da, down, rows: rows, outputs: width, inputs: size, transposed: false)
    )
  }
}
