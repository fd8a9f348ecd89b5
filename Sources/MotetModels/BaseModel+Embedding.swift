import MotetTensor

extension BaseModel {
  /// The mean of the normed last hidden state over a text's tokens, for routers: `[hidden]` for each row.
  ///
  /// Rows with the empty mix give the frozen base's view of a prompt.
  public func meanHiddenStates(_ rows: [[Int32]], mix: BoundMix = .base) throws -> [[Float]] {
    var results: [[Float]] = []
    var begin = 0
    while begin < rows.count {
      var end = begin
      var tokens = 0
      while end < rows.count, end == begin || tokens + rows[end].count <= 2048 {
        tokens += rows[end].count
        end += 1
      }
      results += try meanOfPass(Array(rows[begin..<end]), mix: mix)
      begin = end
    }
    return results
  }

  /// The sum over each row's tokens of the normed last hidden state, `[rows][hidden]`: of texts that are read in pieces,
  /// the sums of a text's pieces, divided by its tokens, are its mean.
  public func hiddenStateSums(_ rows: [BatchRow]) throws -> [[Float]] {
    let owners = rows.enumerated().flatMap { index, row in [Int](repeating: index, count: row.tokens.count) }
    var sums = [[Float]](repeating: [], count: rows.count)
    for part in try labelStates(rows, at: Array(owners.indices), on: tape(recording: false)) {
      let states = part.states.converted(to: .f32)
      for (place, position) in part.places.enumerated() {
        let owner = owners[position]
        if sums[owner].isEmpty { sums[owner] = [Float](repeating: 0, count: states.columns) }
        let values = states.row(place)
        for column in 0..<states.columns { sums[owner][column] += values[column] }
      }
    }
    return sums
  }

  private func meanOfPass(_ rows: [[Int32]], mix: BoundMix) throws -> [[Float]] {
    guard !rows.contains(where: \.isEmpty) else { throw ModelError.emptyPrompt }
    let tape = Tape(recording: false)
    let x = try hiddenStates(rows.map { BatchRow(tokens: $0, mix: mix) }, on: tape)
    let h = tape.rmsNorm(x, weights.finalNorm, epsilon: Float(configuration.rmsNormEpsilon))
    var first = 0
    return rows.map { row in
      var mean = [Float](repeating: 0, count: h.columns)
      for index in first..<first + row.count {
        let values = h.row(index)
        for j in 0..<h.columns { mean[j] += values[j] }
      }
      first += row.count
      return mean.map { $0 / Float(row.count) }
    }
  }
}
