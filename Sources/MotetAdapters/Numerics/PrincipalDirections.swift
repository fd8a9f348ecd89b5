import MotetTensor

/// The largest singular values of a matrix with their vectors, by block power iteration from a random start, each
/// product in f32 and each orthonormal basis in f64.
///
/// The block is wider than what is asked for, so that an error falls with (σ_block/σ_rank)² an iteration; a block as
/// wide as the matrix is exact. 4·rows·columns·block operations an iteration.
/// Source: Halko, Martinsson and Tropp 2011, arXiv 0909.4061, algorithms 4.4 and 5.1.
@Compute
struct PrincipalDirections {
  /// U, `[rows, rank]` row-major.
  let left: [Float]
  /// Falling.
  let values: [Double]
  /// Vᵀ, `[rank, columns]` row-major.
  let right: [Float]

  /// Columns of the block beyond the rank.
  private static let spare = 16

  /// - Parameters:
  ///   - matrix: `[rows, columns]`
  ///   - rank: at most the smaller side
  init(of matrix: Tensor, rank: Int, iterations: Int, seed: UInt64) {
    let width = min(rank + Self.spare, min(matrix.rows, matrix.columns))
    var generator = SeededGenerator(seed: seed, for: "principal directions")
    var domain = Tensor(
      rows: matrix.columns, columns: width,
      (0..<matrix.columns * width).map { _ in Float(generator.normal()) })
    let range = Tensor(rows: matrix.rows, columns: width)
    range.take(productOf: matrix, with: domain)
    for _ in 0..<iterations {
      domain = Tensor(rows: matrix.columns, columns: width)
      domain.take(productOf: matrix, with: Self.orthonormal(range), turningFirst: true)
      range.take(productOf: matrix, with: domain)
    }
    let basis = Self.orthonormal(range)
    // In that basis the matrix is small: C = QᵀW, and Cᵀ = P·R.
    let small = Tensor(rows: width, columns: matrix.columns)
    small.take(productOf: basis, with: matrix, turningFirst: true)
    var turned = ColumnMatrix(rows: matrix.columns, columns: width)
    turned.setColumns(from: 0, toRows: small.values)
    let factored = HouseholderQR(of: turned)
    let svd = LeftSingularVectors(of: factored.upper())
    values = Array(svd.values.prefix(rank))
    var vectors = ColumnMatrix(rows: matrix.columns, columns: rank)
    for index in 0..<rank { vectors.setColumn(index, to: svd.vectors, column: index, times: 1) }
    factored.applyQ(to: &vectors)
    right = vectors.columnsAsRows()
    // U = Q·C·V/σ
    let inner = Tensor(rows: width, columns: rank)
    inner.take(
      productOf: small, with: Tensor(rows: rank, columns: matrix.columns, right), turningSecond: true)
    for row in 0..<width {
      for column in 0..<rank where values[column] > 0 {
        inner.row(row)[column] /= Float(values[column])
      }
    }
    let all = Tensor(rows: matrix.rows, columns: rank)
    all.take(productOf: basis, with: inner)
    left = all.values
  }

  /// An orthonormal basis of the columns.
  private static func orthonormal(_ matrix: Tensor) -> Tensor {
    var columns = ColumnMatrix(rows: matrix.rows, columns: matrix.columns)
    columns.setColumns(from: 0, toRowMajor: matrix.values, times: 1)
    let factored = HouseholderQR(of: columns)
    var basis = ColumnMatrix(rows: matrix.rows, columns: matrix.columns)
    for index in 0..<matrix.columns { basis.values[index * matrix.rows + index] = 1 }
    factored.applyQ(to: &basis)
    return Tensor(rows: matrix.rows, columns: matrix.columns, basis.rowMajor())
  }
}
