extension [Float] {
  /// A row-major matrix of `rows` rows, rows and columns exchanged.
  package func transposed(rows: Int) -> [Float] {
    guard rows > 0 else { return self }
    let columns = count / rows
    return [Float](unsafeUninitializedCapacity: count) { target, done in
      for row in 0..<rows {
        for column in 0..<columns { target[column * rows + row] = self[row * columns + column] }
      }
      done = rows * columns
    }
  }
}
