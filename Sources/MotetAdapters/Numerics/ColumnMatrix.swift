/// A small f64 matrix with each column in one run of memory, as the factorisations read it.
struct ColumnMatrix {
  let rows: Int
  let columns: Int
  /// `[columns, rows]`
  var values: [Double]

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    values = [Double](repeating: 0, count: rows * columns)
  }

  /// Columns from `start` on become those of a row-major matrix of this many rows, times `factor`.
  mutating func setColumns(from start: Int, toRowMajor matrix: [Float], times factor: Double) {
    let width = matrix.count / max(rows, 1)
    values.withUnsafeMutableBufferPointer { values in
      matrix.withUnsafeBufferPointer { matrix in
        for column in 0..<width {
          let base = (start + column) * rows
          for row in 0..<rows { values[base + row] = factor * Double(matrix[row * width + column]) }
        }
      }
    }
  }

  /// Columns from `start` on become the rows of a row-major matrix of this many columns.
  mutating func setColumns(from start: Int, toRows matrix: [Float]) {
    values.withUnsafeMutableBufferPointer { values in
      matrix.withUnsafeBufferPointer { matrix in
        for i in 0..<matrix.count { values[start * rows + i] = Double(matrix[i]) }
      }
    }
  }

  /// A column becomes one of `other`, times `factor`; rows beyond those of `other` stay.
  mutating func setColumn(_ column: Int, to other: ColumnMatrix, column source: Int, times factor: Double) {
    for row in 0..<min(rows, other.rows) {
      values[column * rows + row] = factor * other.values[source * other.rows + row]
    }
  }

  /// A column becomes a vector, times `factor`.
  mutating func setColumn(_ column: Int, to vector: [Double], times factor: Double) {
    for row in 0..<min(rows, vector.count) { values[column * rows + row] = factor * vector[row] }
  }

  /// self · other, `[rows, other.columns]`.
  func times(_ other: ColumnMatrix) -> ColumnMatrix {
    var product = ColumnMatrix(rows: rows, columns: other.columns)
    product.values.withUnsafeMutableBufferPointer { product in
      values.withUnsafeBufferPointer { values in
        guard let product = product.baseAddress, let values = values.baseAddress else { return }
        for column in 0..<other.columns {
          for inner in 0..<columns {
            let factor = other.values[column * other.rows + inner]
            if factor == 0 { continue }
            VectorLoops.add(factor, values + inner * rows, to: product + column * rows, rows)
          }
        }
      }
    }
    return product
  }

  /// self · otherᵀ, `[rows, other.rows]`.
  func timesTransposed(_ other: ColumnMatrix) -> ColumnMatrix {
    var transposed = ColumnMatrix(rows: other.columns, columns: other.rows)
    for column in 0..<other.columns {
      for row in 0..<other.rows {
        transposed.values[row * transposed.rows + column] = other.values[column * other.rows + row]
      }
    }
    return times(transposed)
  }

  /// selfᵀ · (one column of `other`), `[columns]`.
  func transposedTimes(_ other: ColumnMatrix, column: Int) -> [Double] {
    values.withUnsafeBufferPointer { values in
      other.values.withUnsafeBufferPointer { vector in
        guard let values = values.baseAddress, let vector = vector.baseAddress else { return [] }
        return (0..<columns).map {
          VectorLoops.dot(values + $0 * rows, vector + column * other.rows, rows)
        }
      }
    }
  }

  /// `[rows, columns]` row-major, in f32.
  func rowMajor() -> [Float] {
    var result = [Float](repeating: 0, count: values.count)
    result.withUnsafeMutableBufferPointer { result in
      values.withUnsafeBufferPointer { values in
        for column in 0..<columns {
          for row in 0..<rows { result[row * columns + column] = Float(values[column * rows + row]) }
        }
      }
    }
    return result
  }

  /// The transpose, `[columns, rows]` row-major, in f32.
  func columnsAsRows() -> [Float] { values.map { Float($0) } }
}
