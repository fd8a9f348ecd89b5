import CKernels

// y = x·Wᵀ: dW += dyᵀ·x
//
// Only a matrix of a copy that trains has one; those of the base have no place for it.

extension FrozenMatrix {
  /// Adds dyᵀ·x to the gradient of what this matrix was packed from.
  /// - Parameters:
  ///   - dy: `[tokens, outputs]`
  ///   - x: `[tokens, inputs]`
  ///   - trained: W `[outputs, inputs]`
  func gatherGradient(_ dy: Tensor, _ x: Tensor, into trained: Parameter, kernels: Kernels = .fast) throws {
    guard let gradient = trained.gradient else { return }
    precondition(dy.rows == x.rows && dy.columns == outputs && x.columns == inputs)
    precondition(trained.rows == outputs && trained.columns == inputs)
    if kernels == .reference {
      let outer = Reference.outer(dy.values, x.values, rows: dy.rows, m: outputs, n: inputs)
      return gradient.take(outer, accumulate: true)
    }
    guard precision == .bf16 else {
      let (dy, x) = (dy.converted(to: .f32), x.converted(to: .f32))
      return gradient.take(productOf: dy, with: x, turningFirst: true, accumulate: true)
    }
    // The contraction runs over tokens, whose number changes from pass to pass: in steps of 64, so that few products
    // have to be planned.
    let depth = (x.rows + 63) / 64 * 64
    let padded = Tensor(rows: depth, columns: inputs, as: .bf16)
    padded.copyRows(0..<x.rows, of: x.converted(to: .bf16), to: 0..<x.rows)
    padded.clearRows(x.rows..<depth)
    let slopes = Tensor(rows: outputs, columns: depth, as: .bf16)
    let type = dy.storage == .bf16 ? MK_BF16 : MK_F32
    mk_transpose_to_bf16(
      dy.address(ofRow: 0), Int32(type), Int64(dy.rows), Int64(outputs), Int64(depth), slopes.narrow)
    try turned.packed(padded).multiply(slopes, into: gradient, onto: gradient)
  }
}
