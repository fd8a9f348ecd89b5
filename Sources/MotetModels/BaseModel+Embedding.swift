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
    try logits([], at: [], andSumsOf: rows).sums
  }

  /// Both of one pass: logits `[positions, vocabulary]` at chosen packed positions of `rows`, nil where there are none,
  /// and ``hiddenStateSums(_:)`` of the rows after them.
  public func logits(
    _ rows: [BatchRow], at positions: [Int], andSumsOf texts: [BatchRow]
  ) throws -> (logits: Tensor?, sums: [[Float]]) {
    let first = rows.reduce(0) { $0 + $1.tokens.count }
    let owners = texts.enumerated().flatMap { index, row in [Int](repeating: index, count: row.tokens.count) }
    let tape = tape(recording: false)
    let parts = try labelStates(rows + texts, at: positions + owners.indices.map { first + $0 }, on: tape)
    let logits = positions.isEmpty ? nil : Tensor(rows: positions.count, columns: configuration.vocabulary)
    var sums = [[Float]](repeating: [], count: texts.count)
    for part in parts {
      let answering = part.places.prefix { $0 < positions.count }
      if let logits, !answering.isEmpty {
        let found = try tape.logits(
          tape.gather(part.states, rows: Array(0..<answering.count)), head: part.weights.head,
          softcap: model.head.softcap)
        for (row, place) in answering.enumerated() {
          logits.row(place).update(from: found.row(row), count: found.columns)
        }
      }
      guard answering.count < part.places.count else { continue }
      let states = part.states.converted(to: .f32)
      for (row, place) in part.places.enumerated().dropFirst(answering.count) {
        let owner = owners[place - positions.count]
        if sums[owner].isEmpty { sums[owner] = [Float](repeating: 0, count: states.columns) }
        let values = states.row(row)
        // The head's scale is no part of what a router reads.
        for column in 0..<states.columns { sums[owner][column] += values[column] / model.head.scale }
      }
    }
    return (logits, sums)
  }

  private func meanOfPass(_ rows: [[Int32]], mix: BoundMix) throws -> [[Float]] {
    guard !rows.contains(where: \.isEmpty) else { throw ModelError.emptyPrompt }
    let tape = Tape(recording: false)
    let x = try hiddenStates(rows.map { BatchRow(tokens: $0, mix: mix) }, on: tape)
    let h = tape.norm(x, weights.finalNorm)
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
