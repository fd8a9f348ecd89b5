import CKernels

extension Tensor {
  /// self ← scale·a·b, or self + scale·a·b with `accumulate`; all in f32. Either factor may be taken turned.
  ///
  /// For what follows from adapters' parameters once a step. Products with frozen matrices are those of
  /// ``FrozenMatrix``.
  public func take(
    productOf a: Tensor, with b: Tensor, turningFirst aTurned: Bool = false,
    turningSecond bTurned: Bool = false, scale: Float = 1, accumulate: Bool = false
  ) {
    let inner = aTurned ? a.rows : a.columns
    precondition((aTurned ? a.columns : a.rows) == rows && (bTurned ? b.rows : b.columns) == columns)
    precondition((bTurned ? b.columns : b.rows) == inner)
    mk_gemm(
      Int64(rows), Int64(columns), Int64(inner), scale, a.data, aTurned ? 1 : Int64(a.columns),
      aTurned ? Int64(a.columns) : 1, b.data, bTurned ? 1 : Int64(b.columns),
      bTurned ? Int64(b.columns) : 1, accumulate ? 1 : 0, data, Int64(columns))
  }
}
