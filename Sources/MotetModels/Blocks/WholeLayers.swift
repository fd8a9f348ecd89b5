import MotetFormats
import MotetTensor

/// The layers of a base in stored blocks, for batches of a few rows that go through all of them as one operator.
@Compute
struct WholeLayers {
  private let layers: StoredLayers
  /// The sites of each matrix in the order in which they are multiplied, with their output columns.
  private let members: [[(index: Int, columns: Range<Int>)]]

  /// - Parameters:
  ///   - following: the matrix that is multiplied after them
  ///   - rotations: how many the model has
  /// - Returns: nil where not all matrices are in stored blocks, or a layer has steps that the operator has not
  init?(_ layers: [DecoderLayer], following: FrozenMatrix, rotations: Int) {
    let parts = layers.compactMap { $0.joined(rotations: rotations) }
    guard let shape = parts.first?.rule.shape, parts.count == layers.count,
      let epsilon = layers.lazy.flatMap(\.norms).first?.block.epsilon,
      layers.allSatisfy({ $0.norms.allSatisfy { $0.block.epsilon == epsilon } }),
      parts.allSatisfy({ $0.rule.shape == shape }),
      let made = StoredLayers(parts, following: following, shape: shape, epsilon: Float(epsilon))
    else { return nil }
    self.layers = made
    members = layers.flatMap { $0.groups.map(\.members) }
  }

  /// The residual stream after so many layers, `[rows, hidden]`; nil for a batch that goes by operators.
  /// - Parameter tables: of the model's rotations
  func forward(
    _ x: Tensor, _ batch: PackedBatch, depth: Int, tables: [RotaryTable], on tape: Tape
  ) -> Tensor? {
    guard layers.takes(x.rows, batch.sequences, on: tape), batch.addsOnlyForward else { return nil }
    return layers.forward(
      x, depth: depth, adding: batch.terms(at: members.prefix(4 * depth)), sequences: batch.sequences,
      positions: batch.positions, tables: tables + [.none], on: tape)
  }
}

extension DecoderLayer {
  /// The layer as the operator takes it: with norms by RMS, a gated feed-forward block and no bias but that of queries,
  /// keys and values; nil for a layer of another kind.
  /// - Parameter rotations: how many the model has; behind their tables comes that of layers without one
  fileprivate func joined(rotations: Int) -> StoredLayers.Layer? {
    let (own, inner) = (attention, feedForward)
    guard block.feedForward.isGated, norms.allSatisfy({ $0.block.kind == .rms }),
      groups.dropFirst().allSatisfy({ $0.bias == nil }), block.attention.rule.isCausal
    else { return nil }
    var layer = StoredLayers.Layer(
      attentionNorm: own.before?.vector, queryKeyValue: own.input.matrix, rule: block.attention.rule,
      table: block.attention.rotation ?? rotations, attentionOutput: own.output.matrix,
      feedForwardNorm: inner.before?.vector, gateUp: inner.input.matrix,
      activation: block.feedForward.activation, down: inner.output.matrix,
      residualScale: block.residualScale)
    layer.bias = own.input.bias?.vector
    (layer.queryNorm, layer.keyNorm) = (queryNorm?.vector, keyNorm?.vector)
    (layer.attentionAfter, layer.feedForwardAfter) = (own.after?.vector, inner.after?.vector)
    return layer
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
