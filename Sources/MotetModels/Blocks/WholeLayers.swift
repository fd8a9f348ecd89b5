import MotetFormats
import MotetTensor

/// The layers of a base in stored blocks, for batches of a few rows that go through all of them as one operator.
@Compute
struct WholeLayers {
  private let layers: StoredLayers
  private let rule: AttentionRule
  private let rotation: Int
  /// The sites of each matrix in the order in which they are multiplied, with their output columns.
  private let members: [[(index: Int, columns: Range<Int>)]]

  /// - Parameter following: the matrix that is multiplied after them
  /// - Returns: nil where not all matrices are in stored blocks, or a layer has steps that the operator has not
  init?(_ layers: [DecoderLayer], following: FrozenMatrix) {
    let parts = layers.compactMap(\.joined)
    guard let first = layers.first, parts.count == layers.count,
      let epsilon = first.attention.before?.block.epsilon,
      layers.allSatisfy({ layer in
        layer.norms.allSatisfy { $0.block.epsilon == epsilon }
          && layer.block.attention.rotation == first.block.attention.rotation
          && layer.block.attention.rule == first.block.attention.rule
      }), first.block.attention.rule.scale == AttentionRule(first.block.attention.rule.shape).scale,
      let rotation = first.block.attention.rotation,
      let made = StoredLayers(
        parts, following: following, shape: first.block.attention.rule.shape, epsilon: Float(epsilon))
    else { return nil }
    self.layers = made
    self.rotation = rotation
    rule = first.block.attention.rule
    members = layers.flatMap { $0.groups.map(\.members) }
  }

  /// The residual stream after so many layers, `[rows, hidden]`; nil for a batch that goes by operators.
  func forward(
    _ x: Tensor, _ batch: PackedBatch, depth: Int, tables: [RotaryTable], on tape: Tape
  ) -> Tensor? {
    guard layers.takes(x.rows, batch.sequences, on: tape), batch.addsOnlyForward,
      rule.isPlain(reach: batch.reach)
    else { return nil }
    return layers.forward(
      x, depth: depth, adding: batch.terms(at: members.prefix(4 * depth)), sequences: batch.sequences,
      positions: batch.positions, table: tables[rotation], on: tape)
  }
}

extension DecoderLayer {
  /// The layer as the operator takes it: RMSNorm before attention and before a feed-forward block that SiLU gates, and
  /// nothing else; nil for a layer of another kind.
  fileprivate var joined: StoredLayers.Layer? {
    let feedForward = block.feedForward
    guard feedForward.isGated, feedForward.activation == .silu, block.residualScale == 1,
      norms.count == 2, norms.allSatisfy({ $0.block.kind == .rms }), groups.allSatisfy({ $0.bias == nil }),
      let before = attention.before, let inner = self.feedForward.before
    else { return nil }
    return StoredLayers.Layer(
      attentionNorm: before.vector, queryKeyValue: attention.input.matrix,
      attentionOutput: attention.output.matrix, feedForwardNorm: inner.vector,
      gateUp: self.feedForward.input.matrix, down: self.feedForward.output.matrix)
  }
}

extension PackedBatch {
  /// Whether all that mixes add to the base's matrices are low-rank updates in a form that only goes forward.
  @Compute
  fileprivate var addsOnlyForward: Bool {
    virtual.isEmpty
      && segments.allSatisfy {
        $0.mix.terms.allSatisfy(\.isEmpty) && $0.mix.scalings.isEmpty && $0.mix.experts.isEmpty
          && $0.mix.bottlenecks.isEmpty
      }
  }

  /// What mixes add at the sites of matrices.
  @Compute
  fileprivate func terms(at members: ArraySlice<[(index: Int, columns: Range<Int>)]>) -> LayerTerms {
    let adapted = segments.compactMap { segment in
      segment.mix.forward.map { (factors: $0, rows: segment.rows) }
    }
    var terms = LayerTerms(of: adapted.map(\.factors))
    for sites in members {
      terms.beginMatrix()
      for (factors, rows) in adapted {
        for site in sites { terms.append(factors, at: site.index, rows: rows, columns: site.columns) }
      }
    }
    return terms
  }
}
