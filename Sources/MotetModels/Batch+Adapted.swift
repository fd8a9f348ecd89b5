import MotetTensor

extension PackedBatch {
  /// A group of sites with all that the mixes of this batch make of it.
  @Compute
  func adapted(
    _ x: Tensor, _ group: SiteGroup, adding residual: Tensor?, on tape: Tape
  ) throws -> Tensor {
    let experts = experts(at: group)
    let y = try scaled(x, group, adding: residual, on: tape)
    return experts.isEmpty ? y : tape.expertParts(x, terms: experts, addedTo: y)
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
