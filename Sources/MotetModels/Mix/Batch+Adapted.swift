import MotetTensor

extension PackedBatch {
  /// A group of sites with all that the mixes of this batch make of it.
  @Compute
  func adapted(
    _ x: Tensor, _ group: SiteGroup, adding residual: Tensor? = nil, on tape: Tape
  ) throws -> Tensor {
    let experts = experts(at: group)
    var y = try scaled(x, group, adding: residual, on: tape)
    if let bias = group.bias { y = biased(y, bias, group, on: tape) }
    return experts.isEmpty ? y : tape.expertParts(x, terms: experts, addedTo: y)
  }

  @Compute
  private func biased(_ y: Tensor, _ bias: BiasWeight, _ group: SiteGroup, on tape: Tape) -> Tensor {
    var scalings: [ColumnScaling] = []
    for segment in segments {
      for member in group.members {
        guard let factors = segment.mix.scalings[member.index]?.biasFactors else { continue }
        scalings.append(ColumnScaling(rows: segment.rows, columns: member.columns, factors: factors))
      }
    }
    if scalings.isEmpty { return tape.addingBias(y, bias.vector, trained: bias.trained) }
    let rows = Tensor(
      rows: y.rows, columns: y.columns,
      [Float]((0..<y.rows).map { _ in bias.vector.values }.joined()))
    return tape.sum(y, tape.scaledColumns(rows, scalings))
  }

  @Compute
  private func scaled(
    _ x: Tensor, _ group: SiteGroup, adding residual: Tensor?, on tape: Tape
  ) throws -> Tensor {
    let terms = terms(at: group)
    let forward = forward(at: group)
    let (inputs, outputs) = (scalings(of: .inputs, at: group), scalings(of: .outputs, at: group))
    if inputs.isEmpty, outputs.isEmpty {
      return try tape.adaptedLinear(
        x, group.matrix, terms: terms, forward: forward, trained: group.trained, adding: residual)
    }
    let scaled = inputs.isEmpty ? x : tape.scaledColumns(x, inputs)
    var y: Tensor
    if outputs.isEmpty {
      y = try tape.adaptedLinear(
        scaled, group.matrix, terms: [], trained: group.trained, adding: residual)
    } else {
      y = tape.scaledColumns(
        try tape.adaptedLinear(scaled, group.matrix, terms: [], trained: group.trained), outputs,
        adding: residual)
    }
    if !terms.isEmpty || !forward.isEmpty {
      y = try tape.lowRankParts(x, terms: terms, forward: forward, addedTo: y)
    }
    return y
  }

  @Compute
  private func scalings(of side: SiteScaling.Side, at group: SiteGroup) -> [ColumnScaling] {
    var result: [ColumnScaling] = []
    for segment in segments where !segment.mix.scalings.isEmpty {
      for member in group.members {
        guard let scaling = segment.mix.scalings[member.index], scaling.side == side else { continue }
        result.append(
          ColumnScaling(
            rows: segment.rows, columns: side == .inputs ? 0..<group.matrix.inputs : member.columns,
            factors: scaling.factors))
      }
    }
    return result
  }

  @Compute
  private func experts(at group: SiteGroup) -> [ExpertTerm] {
    var result: [ExpertTerm] = []
    for segment in segments where !segment.mix.experts.isEmpty {
      for member in group.members {
        guard let experts = segment.mix.experts[member.index] else { continue }
        result.append(ExpertTerm(rows: segment.rows, columns: member.columns, experts: experts))
      }
    }
    return result
  }
}
