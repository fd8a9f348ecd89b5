/// A = Q·R by Householder reflections, in f64. Q stays a product of reflections H₁·H₂⋯, never a matrix.
///
/// Any shape and any rank, also columns that are equal or zero.
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, algorithms 5.1.1 and 5.2.1.
struct HouseholderQR {
  /// R in the upper triangle; below the diagonal the reflection vectors, whose first entry is 1.
  private var packed: ColumnMatrix
  /// H = I − factor·v·vᵀ
  private var factors: [Double] = []

  init(of matrix: ColumnMatrix) {
    packed = matrix
    let (rows, columns) = (matrix.rows, matrix.columns)
    packed.values.withUnsafeMutableBufferPointer { values in
      guard let values = values.baseAddress else { return }
      for j in 0..<min(rows, columns) {
        let v = values + j * rows + j
        let length = rows - j
        let factor = Self.reflect(v, length)
        factors.append(factor)
        let diagonal = v[0]
        v[0] = 1
        for column in j + 1..<max(columns, j + 1) {
          let x = values + column * rows + j
          VectorLoops.add(-factor * VectorLoops.dot(v, x, length), v, to: x, length)
        }
        v[0] = diagonal
      }
    }
  }

  /// Turns x into (±‖x‖, v₁, v₂, …) and returns the factor of H = I − factor·v·vᵀ with v₀ = 1.
  private static func reflect(_ x: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
    let tail = VectorLoops.dot(x + 1, x + 1, count - 1)
    guard tail > 0 else { return 0 }
    let norm = (x[0] * x[0] + tail).squareRoot()
    // The sign that does not cancel.
    let head = x[0] < 0 ? x[0] - norm : x[0] + norm
    let diagonal = x[0] < 0 ? norm : -norm
    for i in 1..<count { x[i] /= head }
    x[0] = diagonal
    return 2 / (1 + tail / (head * head))
  }

  /// R, `[min(rows, columns), columns]`.
  func upper() -> ColumnMatrix {
    var upper = ColumnMatrix(rows: factors.count, columns: packed.columns)
    for column in 0..<packed.columns {
      for row in 0...min(column, factors.count - 1) {
        upper.values[column * upper.rows + row] = packed.values[column * packed.rows + row]
      }
    }
    return upper
  }

  /// matrix ← Q·matrix, for a matrix of as many rows as A.
  func applyQ(to matrix: inout ColumnMatrix) {
    let rows = packed.rows
    let columns = matrix.columns
    packed.values.withUnsafeBufferPointer { packed in
      matrix.values.withUnsafeMutableBufferPointer { values in
        guard let packed = packed.baseAddress, let values = values.baseAddress else { return }
        for j in factors.indices.reversed() {
          let v = packed + j * rows + j + 1
          let length = rows - j - 1
          for column in 0..<columns {
            let x = values + column * rows + j
            let dot = factors[j] * (x[0] + VectorLoops.dot(v, x + 1, length))
            x[0] -= dot
            VectorLoops.add(-dot, v, to: x + 1, length)
          }
        }
      }
    }
  }
}
