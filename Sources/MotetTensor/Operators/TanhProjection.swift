import CKernels
import Foundation

// y = y₀ + z·Wᵀ + c, z = tanh(E·Vᵀ + b)                        Li and Liang 2021, arXiv 2101.00190, §4.3
// dz = dy·W, da = dz·(1 - z²), dW += dyᵀ·z, dc += Σ dy, dV += daᵀ·E, db += Σ da, dE += da·V

/// Rows that follow from smaller ones through two matrices with a tanh between them: how a prefix is trained where
/// its own values train badly. It runs once a step, beside the tape.
@Compute
public struct TanhProjection {
  /// E `[rows, width]`
  public let embedding: Parameter
  /// V `[hidden, width]`
  public let inner: Parameter
  /// b `[1, hidden]`
  public let innerBias: Parameter
  /// W `[outputs, hidden]`
  public let outer: Parameter
  /// c `[1, outputs]`
  public let outerBias: Parameter

  public init(
    embedding: Parameter, inner: Parameter, innerBias: Parameter, outer: Parameter, outerBias: Parameter
  ) {
    self.embedding = embedding
    self.inner = inner
    self.innerBias = innerBias
    self.outer = outer
    self.outerBias = outerBias
  }

  public var parameters: [Parameter] { [embedding, inner, innerBias, outer, outerBias] }

  private var sizes: (rows: Int64, width: Int64, hidden: Int64, outputs: Int64) {
    (Int64(embedding.rows), Int64(embedding.columns), Int64(inner.rows), Int64(outer.rows))
  }

  /// y, `[rows, outputs]`, from y₀ of the same shape.
  public func write(to y: Tensor, from start: Tensor, kernels: Kernels = .standard) {
    if kernels == .reference {
      let delta = Reference.tanhProjection(
        embedding.values.values, inner: inner.values.values, innerBias: innerBias.values.values,
        outer: outer.values.values, outerBias: outerBias.values.values
      ).y
      return y.take(zip(start.values, delta).map { $0 + $1 }, accumulate: false)
    }
    let (m, _, hidden, outputs) = sizes
    y.copy(from: start)
    for row in 0..<y.rows { mk_add_scaled(y.row(row), outerBias.values.data, 1, outputs) }
    mk_gemm(
      m, outputs, hidden, 1, middle().data, hidden, 1, outer.values.data, 1, hidden, 1, y.data, outputs)
  }

  /// Adds what a gradient of y, `[rows, outputs]`, leaves in the parameters' gradients.
  public func gather(_ dy: Tensor, kernels: Kernels = .standard) {
    if kernels == .reference {
      let back = Reference.tanhProjectionBackward(
        embedding.values.values, inner: inner.values.values, innerBias: innerBias.values.values,
        outer: outer.values.values, outerBias: outerBias.values.values, dy: dy.values)
      for (parameter, gradient) in zip(parameters, back) {
        parameter.gradient?.take(gradient, accumulate: true)
      }
      return
    }
    let (m, width, hidden, outputs) = sizes
    let z = middle()
    let da = Tensor(rows: z.rows, columns: z.columns)
    mk_gemm(m, hidden, outputs, 1, dy.data, outputs, 1, outer.values.data, hidden, 1, 0, da.data, hidden)
    for index in 0..<da.count { da.data[index] *= 1 - z.data[index] * z.data[index] }
    if let gradient = outer.gradient {
      mk_gemm(outputs, hidden, m, 1, dy.data, 1, outputs, z.data, hidden, 1, 1, gradient.data, hidden)
    }
    if let gradient = inner.gradient {
      mk_gemm(
        hidden, width, m, 1, da.data, 1, hidden, embedding.values.data, width, 1, 1, gradient.data, width)
    }
    if let gradient = embedding.gradient {
      mk_gemm(m, width, hidden, 1, da.data, hidden, 1, inner.values.data, width, 1, 1, gradient.data, width)
    }
    for row in 0..<z.rows {
      if let gradient = outerBias.gradient { mk_add_scaled(gradient.data, dy.row(row), 1, outputs) }
      if let gradient = innerBias.gradient { mk_add_scaled(gradient.data, da.row(row), 1, hidden) }
    }
  }

  /// z, `[rows, hidden]`
  private func middle() -> Tensor {
    let (m, width, hidden, _) = sizes
    let z = Tensor(rows: embedding.rows, columns: inner.rows)
    for row in 0..<z.rows { z.row(row).update(from: innerBias.values.data, count: z.columns) }
    mk_gemm(
      m, hidden, width, 1, embedding.values.data, width, 1, inner.values.data, 1, width, 1, z.data, hidden)
    for index in 0..<z.count { z.data[index] = Foundation.tanh(z.data[index]) }
    return z
  }
}

extension Reference {
  /// z and what is added to y₀.
  static func tanhProjection<T: ReferenceScalar>(
    _ e: [T], inner: [T], innerBias: [T], outer: [T], outerBias: [T]
  ) -> (z: [T], y: [T]) {
    let (hidden, outputs) = (innerBias.count, outerBias.count)
    let width = inner.count / hidden
    let rows = e.count / width
    var z = product(e, inner, rows: rows, outputs: hidden, inputs: width, transposed: true)
    for i in z.indices {
      let a = z[i] + innerBias[i % hidden]
      z[i] = 1 - 2 / (T.exp(2 * a) + 1)
    }
    var y = product(z, outer, rows: rows, outputs: outputs, inputs: hidden, transposed: true)
    for i in y.indices { y[i] += outerBias[i % outputs] }
    return (z, y)
  }

  /// The gradients of E, V, b, W and c.
  static func tanhProjectionBackward<T: ReferenceScalar>(
    _ e: [T], inner: [T], innerBias: [T], outer: [T], outerBias: [T], dy: [T]
  ) -> [[T]] {
    let (hidden, outputs) = (innerBias.count, outerBias.count)
    let width = inner.count / hidden
    let rows = e.count / width
    let z = tanhProjection(e, inner: inner, innerBias: innerBias, outer: outer, outerBias: outerBias).z
    var da = product(dy, outer, rows: rows, outputs: hidden, inputs: outputs, transposed: false)
    for i in da.indices { da[i] *= 1 - z[i] * z[i] }
    var (db, dc) = ([T](repeating: 0, count: hidden), [T](repeating: 0, count: outputs))
    for i in da.indices { db[i % hidden] += da[i] }
    for i in dy.indices { dc[i % outputs] += dy[i] }
    return [
      product(da, inner, rows: rows, outputs: width, inputs: hidden, transposed: false),
      Reference.outer(da, e, rows: rows, m: hidden, n: width), db,
      Reference.outer(dy, z, rows: rows, m: outputs, n: hidden), dc,
    ]
  }
}
