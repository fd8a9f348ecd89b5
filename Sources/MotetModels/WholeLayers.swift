import MotetFormats
import MotetTensor

/// The layers of a base in stored blocks, for batches of a few rows that go through all of them as one operator.
@Compute
struct WholeLayers {
  private let layers: StoredLayers
  /// The sites of each matrix in the order in which they are multiplied, with their output columns.
  private let members: [[(index: Int, columns: Range<Int>)]]

  /// - Parameter following: the matrix that is multiplied after them
  /// - Returns: nil where not all matrices are in stored blocks
  init?(_ layers: [DecoderLayer], following: FrozenMatrix, configuration c: ModelConfiguration) {
    let parts = layers.map {
      StoredLayers.Layer(
        attentionNorm: $0.attentionNorm.vector, queryKeyValue: $0.queryKeyValue.matrix,
        attentionOutput: $0.attentionOutput.matrix, feedForwardNorm: $0.feedForwardNorm.vector,
        gateUp: $0.gateUp.matrix, down: $0.down.matrix)
    }
    let shape = AttentionShape(heads: c.heads, kvHeads: c.kvHeads, headDimension: c.headDimension)
    guard
      let made = StoredLayers(parts, following: following, shape: shape, epsilon: Float(c.rmsNormEpsilon))
    else { return nil }
    self.layers = made
    members = layers.flatMap { $0.groups.map(\.members) }
  }

  /// The residual stream after so many layers, `[rows, hidden]`; nil for a batch that goes by operators.
  func forward(_ x: Tensor, _ batch: PackedBatch, depth: Int, table: RotaryTable, on tape: Tape) -> Tensor? {
    guard layers.takes(x.rows, batch.sequences, on: tape), batch.addsOnlyForward else { return nil }
    return layers.forward(
      x, depth: depth, adding: batch.terms(at: members.prefix(4 * depth)), sequences: batch.sequences,
      positions: batch.positions, table: table, on: tape)
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
