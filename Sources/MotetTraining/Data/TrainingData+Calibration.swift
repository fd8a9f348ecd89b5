import MotetTensor

extension TrainingData {
  /// Rows to calibrate a base on, drawn from all of them until there are so many tokens.
  /// - Throws: ``DatasetError/changed(file:)``
  public func calibrationRows(tokens: Int, seed: UInt64 = 0) throws -> [[Int32]] {
    var generator = SeededGenerator(seed: seed, for: "calibration")
    var rows: [[Int32]] = []
    var count = 0
    for index in (0..<self.count).shuffled(using: &generator) where count < tokens {
      let row = try example(at: index).tokens.prefix(tokens - count)
      rows.append(Array(row))
      count += row.count
    }
    return rows
  }
}
