/// The left singular vectors and the singular values of a small matrix, by one-sided Jacobi rotations in f64.
///
/// Pairs of columns are rotated until all are orthogonal; their lengths are then the singular values and
/// their directions the left vectors. Small values come out with a high relative accuracy, and the order of
/// the rotations is fixed, so the result is the same each time.
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, §8.6.3; Demmel and Veselić 1992.
struct LeftSingularVectors {
  /// `[rows, columns]`, sorted by falling singular value; a zero singular value has a zero vector.
  let vectors: ColumnMatrix
  /// Falling.
  let values: [Double]

  /// Cosines below this count as orthogonal.
  private static let tolerance = 1e-14
  /// Convergence is quadratic; 6 to 10 sweeps are usual. The bound only guards against an endless loop.
  private static let sweeps = 60

  init(of matrix: ColumnMatrix) {
    var work = matrix
    let (rows, columns) = (matrix.rows, matrix.columns)
    var squares = [Double](repeating: 0, count: columns)
    work.values.withUnsafeMutableBufferPointer { values in
      guard let values = values.baseAddress else { return }
      for _ in 0..<Self.sweeps {
        guard Self.sweep(values, rows: rows, columns: columns, squares: &squares) else { break }
      }
    }
    let order = squares.indices.sorted { (squares[$1], $0) < (squares[$0], $1) }
    let lengths = order.map { squares[$0].squareRoot() }
    var sorted = ColumnMatrix(rows: rows, columns: columns)
    for (column, source) in order.enumerated() where lengths[column] > 0 {
      sorted.setColumn(column, to: work, column: source, times: 1 / lengths[column])
    }
    vectors = sorted
    values = lengths
  }

  /// Rotates each pair of columns once. Returns whether any pair was not yet orthogonal.
  private static func sweep(
    _ values: UnsafeMutablePointer<Double>, rows: Int, columns: Int, squares: inout [Double]
  ) -> Bool {
    // Exact once a sweep; within it, the rotations keep the squares up to date.
    for i in 0..<columns { squares[i] = VectorLoops.dot(values + i * rows, values + i * rows, rows) }
    let total = squares.reduce(0, +)
    let negligible = total * Double.ulpOfOne * Double.ulpOfOne
    var rotated = false
    for i in 0..<columns {
      let x = values + i * rows
      for j in i + 1..<max(columns, i + 1) where squares[i] > negligible && squares[j] > negligible {
        let y = values + j * rows
        let dot = VectorLoops.dot(x, y, rows)
        guard abs(dot) > tolerance * (squares[i] * squares[j]).squareRoot() else { continue }
        rotated = true
        let zeta = (squares[j] - squares[i]) / (2 * dot)
        let tangent = (zeta < 0 ? -1 : 1) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
        let cosine = 1 / (1 + tangent * tangent).squareRoot()
        VectorLoops.rotate(x, y, cosine: cosine, sine: cosine * tangent, rows)
        squares[i] = max(0, squares[i] - tangent * dot)
        squares[j] += tangent * dot
      }
    }
    return rotated
  }
}
