import CKernels

/// What rounding a matrix by its inputs needs to know of them: which columns count how much, and how the error of one is
/// taken up by others.
///
/// With H = Xᵀ·X of the inputs and e the error of a row of W, that row's output is off by e·H·eᵀ. Columns are rounded one
/// after another, those of the largest inputs first, and each begins from what the errors before it leave to be mended:
/// GPTQ (Frantar et al. 2022, arXiv 2210.17323, with the order of its code's `act_order`). H = L·Lᵀ in the opposite order
/// gives the shares: the error of column i is taken up by column k with L[i, k]/L[k, k]. What is left is made smaller by
/// coordinate descent (QuantEase: Behdin et al. 2023, arXiv 2309.01885).
public struct ColumnFeedback: Sendable {
  /// The diagonal of H, `[inputs]`: what a column's squared error counts.
  public let weights: [Float]
  /// H with its diagonal damped, row-major `[inputs, inputs]`.
  let moment: [Float]
  /// Columns, the last of them rounded first.
  let order: [Int32]
  /// `[inputs, inputs]` in that order, below the diagonal.
  let shares: [Float]

  public var inputs: Int { weights.count }

  /// - Parameters:
  ///   - moment: H, row-major `[inputs, inputs]`
  ///   - damping: added to the diagonal, as a share of its mean
  /// - Throws: ``TensorError/overflowingInputs`` when inputs were so large that their squares overflow
  public init(_ moment: [Float], inputs n: Int, damping: Double = 0.01) throws {
    precondition(moment.count == n * n)
    let diagonal = (0..<n).map { moment[$0 * n + $0] }
    let order = diagonal.indices.sorted { (diagonal[$0], $0) < (diagonal[$1], $1) }
    let mean = diagonal.reduce(0) { $0 + Double($1) } / Double(n)
    // An input that was always zero says nothing: the damping then stands alone.
    var damping = max(damping * mean, .leastNormalMagnitude)
    var damped = moment
    for i in 0..<n { damped[i * n + i] += max(Float(damping), 1e-20) }
    var factor = [Double](repeating: 0, count: n * n)
    repeat {
      guard damping.isFinite else { throw TensorError.overflowingInputs }
      for (i, row) in order.enumerated() {
        for k in 0...i { factor[i * n + k] = Double(moment[row * n + order[k]]) }
        factor[i * n + i] += damping
      }
      // Rounding of the f32 sum can make it indefinite: more damping mends that.
      damping *= 10
    } while !mk_cholesky(&factor, Int64(n))
    var shares = [Float](repeating: 0, count: n * n)
    for i in 0..<n {
      for k in 0..<i { shares[i * n + k] = Float(factor[i * n + k] / factor[k * n + k]) }
    }
    weights = diagonal
    self.moment = damped
    self.order = order.map(Int32.init)
    self.shares = shares
  }
}

extension InputMoment {
  /// How a matrix that takes these inputs is rounded by them.
  public func feedback(damping: Double = 0.01) throws -> ColumnFeedback {
    try ColumnFeedback(values, inputs: width, damping: damping)
  }
}
