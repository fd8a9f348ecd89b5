extension TrainingData {
  /// Rows that an epoch holds, by the files' weights.
  public var epochLength: Int {
    rowsByFile.enumerated().reduce(0) { sum, file in
      let (copies, drawn) = share(of: file.element.count, weight: files[file.offset].weight)
      return sum + copies * file.element.count + drawn
    }
  }

  /// The rows of one epoch: a file of weight 2 gives each of its rows twice, one of weight 0.5 half of them,
  /// drawn anew with each call.
  /// - Parameter shuffled: off, rows come as they stand, file after file
  public func epochOrder(using generator: inout some RandomNumberGenerator, shuffled: Bool = true) -> [Int] {
    var order: [Int] = []
    for (rows, file) in zip(rowsByFile, files) {
      let (copies, drawn) = share(of: rows.count, weight: file.weight)
      for _ in 0..<copies { order += rows }
      if drawn > 0 { order += Self.draw(drawn, of: rows, using: &generator) }
    }
    if shuffled { order.shuffle(using: &generator) }
    return order
  }

  /// Refuses a weight that takes no row of its file: what was named to be learnt from would be left out in silence, and
  /// an epoch might have no rows at all.
  /// - Throws: ``DatasetError/weightTakesNothing(file:value:rows:)``
  func checkWeights() throws {
    for (rows, file) in zip(rowsByFile, files) where !rows.isEmpty {
      let (copies, drawn) = share(of: rows.count, weight: file.weight)
      if copies == 0, drawn == 0 {
        throw DatasetError.weightTakesNothing(file: file.path, value: file.weight, rows: rows.count)
      }
    }
  }

  /// How often each of a file's rows comes at least, and how many come once more.
  private func share(of count: Int, weight: Double) -> (copies: Int, drawn: Int) {
    let copies = Int(weight)
    return (copies, Int(((weight - Double(copies)) * Double(count)).rounded()))
  }

  private var rowsByFile: [[Int]] {
    var rows = [[Int]](repeating: [], count: files.count)
    for position in 0..<count { rows[Int(entry(at: position).file)].append(position) }
    return rows
  }

  /// `count` of `rows`, each at most once, in their order (selection sampling; Knuth, volume 2, 3.4.2, S).
  private static func draw(
    _ count: Int, of rows: [Int], using generator: inout some RandomNumberGenerator
  ) -> [Int] {
    var wanted = count
    var drawn: [Int] = []
    for (seen, row) in rows.enumerated() where wanted > 0 {
      if Int.random(in: 0..<rows.count - seen, using: &generator) < wanted {
        drawn.append(row)
        wanted -= 1
      }
    }
    return drawn
  }
}
