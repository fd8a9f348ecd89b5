import MotetTensor

extension BaseModel {
  /// Xᵀ·X of what flows into the sites of some layers while `rows` pass under a mix.
  /// - Parameters:
  ///   - rows: token sequences
  ///   - layers: the layers whose sites are wanted
  /// - Returns: by site path; sites that share an input share the moment
  /// - Throws: a cancellation, or ``ModelError/tooLong(tokens:context:)``
  public func inputMoments(
    of rows: [[Int32]], mix: BoundMix, layers range: Range<Int>
  ) async throws -> [String: InputMoment] {
    var moments: [ObjectIdentifier: InputMoment] = [:]
    var byPath: [String: InputMoment] = [:]
    for layer in layers[range] {
      for group in layer.groups {
        let moment = InputMoment(width: group.matrix.inputs)
        moments[ObjectIdentifier(group.matrix)] = moment
        for member in group.members { byPath[sites[member.index].path] = moment }
      }
    }
    let tape = Tape(recording: false)
    tape.inputObserver = { matrix, input in moments[ObjectIdentifier(matrix)]?.add(input) }
    var rest = rows[...]
    while !rest.isEmpty {
      try Task.checkCancellation()
      var tokens = 0
      let count = max(
        1,
        rest.prefix { row in
          tokens += row.count
          return tokens <= 1024
        }.count)
      let batch = rest.prefix(count).map { BatchRow(tokens: $0, mix: mix) }
      _ = try hiddenStates(batch, on: tape, depth: range.upperBound)
      rest = rest.dropFirst(count)
      BufferPool.endStep()
      await Task.yield()
    }
    return byPath
  }

  /// Xᵀ·X of what flows into the head while `rows` pass.
  /// - Throws: a cancellation
  func headInputs(of rows: [[Int32]]) async throws -> InputMoment {
    let moment = InputMoment(width: configuration.hiddenSize)
    let tape = Tape(recording: false)
    for row in rows where !row.isEmpty {
      try Task.checkCancellation()
      let x = try hiddenStates([BatchRow(tokens: row, mix: .base)], on: tape)
      moment.add(finished(x, weights, on: tape))
      BufferPool.endStep()
      await Task.yield()
    }
    return moment
  }
}
