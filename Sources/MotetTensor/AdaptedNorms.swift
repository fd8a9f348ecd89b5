import CKernels

// n_j² = ‖W_j + s·(BA)_j‖² = ‖W_j‖² + 2s·Σ_k B_jk·(A_k·W_j) + s²·B_j·(A·Aᵀ)·B_jᵀ, by rows j of W
//
// What is as large as W is summed once, when W is packed, or multiplied as a batch of A's rows; the rest has rank-sized
// sides.

extension Tensor {
  /// The length of each row of W + s·B·A.
  /// - Parameters:
  ///   - squares: ‖W_j‖² of each row
  ///   - product: A·Wᵀ `[rank, outputs]`
  ///   - loraA: `[rank, inputs]`
  ///   - loraB: `[outputs, rank]`
  /// - Returns: `[1, outputs]`, positive
  @Compute
  public static func adaptedRowNorms(
    squares: [Float], product: Tensor, loraA: Tensor, loraB: Tensor, scale: Float
  ) -> Tensor {
    let (rank, inputs, outputs) = (Int64(loraA.rows), Int64(loraA.columns), Int64(loraB.rows))
    precondition(squares.count == loraB.rows && product.rows == loraA.rows && product.columns == loraB.rows)
    let gram = Tensor(rows: loraA.rows, columns: loraA.rows)
    mk_gemm(rank, rank, inputs, 1, loraA.data, inputs, 1, loraA.data, 1, inputs, 0, gram.data, rank)
    let inner = Tensor(rows: loraB.rows, columns: loraA.rows)
    mk_gemm(outputs, rank, rank, 1, loraB.data, rank, 1, gram.data, rank, 1, 0, inner.data, rank)
    let norms = Tensor(rows: 1, columns: loraB.rows)
    for j in 0..<loraB.rows {
      let (b, g) = (loraB.row(j), inner.row(j))
      var (cross, own): (Float, Float) = (0, 0)
      for k in 0..<loraA.rows {
        cross += b[k] * product.data[k * loraB.rows + j]
        own += b[k] * g[k]
      }
      // A row of zeros has no direction; whatever it is divided by leaves it one of zeros.
      norms.data[j] = max(squares[j] + 2 * scale * cross + scale * scale * own, 1e-24).squareRoot()
    }
    return norms
  }
}
