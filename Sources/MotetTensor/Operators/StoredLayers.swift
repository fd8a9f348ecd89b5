import CKernels

// A decoder layer of a few rows as one operator: the formula stands in CKernels.h, and each of its parts in that part's
// file. It gives bit for bit what they give one by one; there is no way back through it.

/// The layers of a base in stored blocks, for a pass of a few rows whose keys and values are kept.
///
/// A step of few rows is over sooner than its operators can be handed to the threads one by one.
@Compute
public final class StoredLayers {
  /// Each thread brings the rows to 8 bits for itself: that of more of them had better be shared.
  public static let mostRows = 32

  /// A matrix, and what adapters add to its product.
  public struct Adapted {
    public let matrix: FrozenMatrix
    public let terms: ForwardTerms

    public init(_ matrix: FrozenMatrix, _ terms: ForwardTerms) {
      self.matrix = matrix
      self.terms = terms
    }
  }

  /// One layer.
  public struct Layer {
    public let attentionNorm: FrozenVector
    public let feedForwardNorm: FrozenVector
    public let queryKeyValue: Adapted
    public let attentionOutput: Adapted
    public let gateUp: Adapted
    public let down: Adapted

    public init(
      attentionNorm: FrozenVector, queryKeyValue: Adapted, attentionOutput: Adapted,
      feedForwardNorm: FrozenVector, gateUp: Adapted, down: Adapted
    ) {
      self.attentionNorm = attentionNorm
      self.feedForwardNorm = feedForwardNorm
      self.queryKeyValue = queryKeyValue
      self.attentionOutput = attentionOutput
      self.gateUp = gateUp
      self.down = down
    }
  }

  private let tape: Tape
  private let sequences: [SequenceSpan]
  private let positions: [Int32]
  private let table: RotaryTable
  private let epsilon: Float
  private let pool: KeyValuePool
  private let projected: Tensor
  private let attended: Tensor
  /// The pages of all sequences one after the other.
  private let pages: [UnsafeMutableRawPointer?]

  /// Takes room for the keys and values of all rows; nil where the pass is to go by operators: one that is recorded,
  /// measured, looked at or has many rows, and sequences that keep nothing.
  public init?(
    on tape: Tape, shape: AttentionShape, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable,
    epsilon: Float
  ) {
    guard tape.joinsOperators, !tape.isRecording, tape.isNarrow, tape.inputObserver == nil,
      tape.profile == nil, !positions.isEmpty, positions.count <= Self.mostRows,
      let pool = sequences.first?.cache?.pool
    else { return nil }
    tape.reserve(sequences, shape: shape)
    self.tape = tape
    self.sequences = sequences
    self.positions = positions
    self.table = table
    self.epsilon = epsilon
    self.pool = pool
    projected = Tensor(rows: positions.count, columns: shape.packedWidth)
    attended = Tensor(rows: positions.count, columns: shape.queryWidth, as: .bf16)
    pages = sequences.flatMap { $0.cache?.pointers ?? [] }
  }

  /// One layer's residual stream from the one before.
  /// - Parameters:
  ///   - x: `[rows, hidden]`
  ///   - index: of the layer among those whose keys and values are kept
  ///   - following: the matrix that is multiplied next; nil where that is far
  /// - Returns: `[rows, hidden]`; nil where not all matrices are in stored blocks
  public func run(_ layer: Layer, _ index: Int, _ x: Tensor, following: FrozenMatrix?) -> Tensor? {
    let adapted = [layer.queryKeyValue, layer.attentionOutput, layer.gateUp, layer.down]
    guard let queryKeyValue = layer.queryKeyValue.matrix.storedHandle,
      let output = layer.attentionOutput.matrix.storedHandle,
      let gateUp = layer.gateUp.matrix.storedHandle, let down = layer.down.matrix.storedHandle
    else { return nil }
    check(layer, x)
    let y = Tensor(rows: x.rows, columns: x.columns)
    let counts = adapted.map { Int64($0.terms.described.count) }
    let terms = adapted.flatMap(\.terms.described)
    var described = mk_layer(
      rows: Int64(x.rows), hidden: Int64(x.columns), epsilon: epsilon, qkv: queryKeyValue, output: output,
      gate_up: gateUp, down: down, term_counts: (counts[0], counts[1], counts[2], counts[3]),
      projected: projected.data, attended: attended.narrow, sequence_count: Int64(sequences.count),
      layer_offset: Int64(index * pool.layerBytes), following: following?.storedHandle)
    var shape = pool.described
    withExtendedLifetime(adapted) {
      sequences.withDescribed(projected, into: attended, positions: positions, pages: pages) { spans in
        mk_layer_forward(
          &described, x.data, layer.attentionNorm.values, layer.feedForwardNorm.values, terms, &shape, spans,
          table.cosines, table.sines, y.data)
      }
    }
    return y
  }

  private func check(_ layer: Layer, _ x: Tensor) {
    let (hidden, rows) = (x.columns, positions.count)
    precondition(x.rows == rows && x.storage == .f32)
    precondition(layer.attentionNorm.values.count == hidden && layer.feedForwardNorm.values.count == hidden)
    let width = layer.down.matrix.inputs
    for (part, inputs, outputs) in [
      (layer.queryKeyValue, hidden, projected.columns), (layer.attentionOutput, attended.columns, hidden),
      (layer.gateUp, hidden, 2 * width), (layer.down, width, hidden),
    ] {
      precondition(part.matrix.inputs == inputs && part.matrix.outputs == outputs)
      precondition(part.terms.fit(rows: rows, columns: outputs, inputs: inputs))
    }
  }
}
