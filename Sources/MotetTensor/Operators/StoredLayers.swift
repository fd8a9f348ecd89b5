import CKernels

// Decoder layers of a few rows as one operator: the formula stands in CKernels.h, and each of its parts in that part's
// file. It gives bit for bit what they give one by one; there is no way back through it.

/// The layers of a base in stored blocks, for passes of a few rows whose keys and values are kept.
///
/// A step of few rows is over sooner than its operators can be handed to the threads one by one.
@Compute
public final class StoredLayers {
  /// Each thread brings the rows to 8 bits for itself: that of more of them had better be shared.
  public static let mostRows = 32

  /// One layer.
  public struct Layer {
    public let attentionNorm: FrozenVector
    public let queryKeyValue: FrozenMatrix
    public let attentionOutput: FrozenMatrix
    public let feedForwardNorm: FrozenVector
    public let gateUp: FrozenMatrix
    public let down: FrozenMatrix

    public init(
      attentionNorm: FrozenVector, queryKeyValue: FrozenMatrix, attentionOutput: FrozenMatrix,
      feedForwardNorm: FrozenVector, gateUp: FrozenMatrix, down: FrozenMatrix
    ) {
      self.attentionNorm = attentionNorm
      self.queryKeyValue = queryKeyValue
      self.attentionOutput = attentionOutput
      self.feedForwardNorm = feedForwardNorm
      self.gateUp = gateUp
      self.down = down
    }

    /// In the order in which they are multiplied.
    fileprivate var matrices: [FrozenMatrix] { [queryKeyValue, attentionOutput, gateUp, down] }
  }

  public let shape: AttentionShape
  public let epsilon: Float
  private let hidden: Int
  private let layers: [Layer]
  private let following: FrozenMatrix?
  /// They point into what `layers` and `norms` hold.
  private let described: [mk_layer]
  private nonisolated(unsafe) let norms: UnsafeMutablePointer<Float>

  /// - Parameter following: the matrix that is multiplied after them
  /// - Returns: nil where not all matrices are in stored blocks, gate and up each in whole runs of those
  public init?(_ layers: [Layer], following: FrozenMatrix?, shape: AttentionShape, epsilon: Float) {
    guard let hidden = layers.first?.queryKeyValue.inputs,
      layers.allSatisfy({ $0.matrices.allSatisfy { $0.storedHandle != nil } && $0.gateUp.hasWholePanels })
    else { return nil }
    for layer in layers {
      let width = layer.down.inputs
      precondition(
        layer.queryKeyValue.inputs == hidden && layer.queryKeyValue.outputs == shape.packedWidth
          && layer.attentionOutput.inputs == shape.queryWidth && layer.attentionOutput.outputs == hidden
          && layer.gateUp.inputs == hidden && layer.gateUp.outputs == 2 * width
          && layer.down.outputs == hidden)
      precondition(
        layer.attentionNorm.values.count == hidden && layer.feedForwardNorm.values.count == hidden)
    }
    self.layers = layers
    self.hidden = hidden
    self.shape = shape
    self.epsilon = epsilon
    self.following = following
    let values = layers.flatMap { $0.attentionNorm.values + $0.feedForwardNorm.values }
    let norms = UnsafeMutablePointer<Float>.allocate(capacity: values.count)
    norms.initialize(from: values, count: values.count)
    self.norms = norms
    described = layers.enumerated().map { index, layer in
      mk_layer(
        qkv: layer.queryKeyValue.storedHandle, output: layer.attentionOutput.storedHandle,
        gate_up: layer.gateUp.storedHandle, down: layer.down.storedHandle,
        attention_norm: norms + 2 * index * hidden, feed_forward_norm: norms + (2 * index + 1) * hidden)
    }
  }

  deinit { norms.deallocate() }

  /// Whether a pass can go through all layers at once: one that is recorded, measured or looked at goes by operators, as
  /// one of many rows does, and one that keeps nothing.
  public func takes(_ rows: Int, _ sequences: [SequenceSpan], on tape: Tape) -> Bool {
    tape.joinsOperators && !tape.isRecording && tape.isNarrow && tape.inputObserver == nil
      && tape.profile == nil && rows > 0 && rows <= Self.mostRows && sequences.first?.cache != nil
  }

  /// The residual stream after so many layers.
  /// - Parameters:
  ///   - x: `[rows, hidden]`
  ///   - depth: of the layers, how many
  ///   - terms: what adapters add to each layer's matrices
  /// - Returns: `[rows, hidden]`
  /// - Precondition: ``takes(_:_:on:)``
  public func forward(
    _ x: Tensor, depth: Int, adding terms: LayerTerms, sequences: [SequenceSpan], positions: [Int32],
    table: RotaryTable, on tape: Tape
  ) -> Tensor {
    precondition(takes(x.rows, sequences, on: tape) && x.columns == hidden && positions.count == x.rows)
    let rule = AttentionRule(shape)
    precondition(rule.fits(table, positions: positions))
    precondition(terms.fit(layers, depth: depth, rows: x.rows))
    tape.reserve(sequences, shape: shape)
    let y = Tensor(rows: x.rows, columns: hidden)
    guard depth > 0, let pool = sequences.first?.cache?.pool else { return x }
    precondition(depth <= pool.layers)
    let projected = Tensor(rows: x.rows, columns: shape.packedWidth)
    let attended = Tensor(rows: x.rows, columns: shape.queryWidth, as: .bf16)
    var pass = mk_layers_pass(
      rows: Int64(x.rows), hidden: Int64(hidden), epsilon: epsilon, projected: projected.data,
      attended: attended.narrow, sequence_count: Int64(sequences.count), layer_bytes: Int64(pool.layerBytes),
      following: depth == layers.count ? following?.storedHandle : nil)
    var (attention, cache) = (rule.described, pool.described)
    let pages = sequences.flatMap { $0.cache?.pointers ?? [] }
    withExtendedLifetime(terms) {
      sequences.withDescribed(projected, into: attended, positions: positions, pages: pages) { spans in
        mk_layers_forward(
          described, Int64(depth), &pass, x.data, terms.described, terms.counts, &attention, &cache, spans,
          table.cosines, table.sines, y.data)
      }
    }
    return y
  }
}

/// What the adapters of a batch add to the matrices of layers, in a pass that only goes forward: those of each layer's
/// queries, keys and values first, then of what attention gives, of gate and up, and of down.
public struct LayerTerms {
  /// As the kernels take them; they point into memory that `owners` hold.
  fileprivate private(set) var described: [mk_factors] = []
  private var owners: [LowRankFactors] = []
  /// Of each matrix so far, how many, and what they take.
  fileprivate private(set) var counts: [Int64] = []
  private var inputs: [Int?] = []

  /// - Parameter owners: those that anything is going to be added of
  public init(of owners: [LowRankFactors]) { self.owners = owners }

  /// Begins with the next matrix.
  public mutating func beginMatrix() {
    counts.append(0)
    inputs.append(nil)
  }

  /// Adds what a mix adds at a site of this matrix, for rows that carry it.
  /// - Parameters:
  ///   - factors: of `owners`
  ///   - rows: the batch's rows that carry the mix
  ///   - columns: the site's columns of the result
  public mutating func append(_ factors: LowRankFactors, at site: Int, rows: Range<Int>, columns: Range<Int>)
  {
    guard !rows.isEmpty else { return }
    let last = counts.count - 1
    counts[last] += Int64(
      factors.add(to: &described, at: site, rows: rows, columns: columns, inputs: &inputs[last]).count)
  }

  /// Whether they stand within the products of so many rows, and are as many as the matrices.
  @Compute
  fileprivate func fit(_ layers: [StoredLayers.Layer], depth: Int, rows: Int) -> Bool {
    guard depth <= layers.count, counts.count == 4 * depth else { return false }
    if described.isEmpty { return true }
    var first = 0
    for (index, layer) in layers.prefix(depth).enumerated() {
      for (place, matrix) in layer.matrices.enumerated() {
        let end = first + Int(counts[4 * index + place])
        let fits = described[first..<end].allSatisfy {
          $0.first_row >= 0 && $0.first_row + $0.rows <= rows && $0.first_column >= 0
            && $0.first_column + $0.outputs <= matrix.outputs
        }
        if !fits || (inputs[4 * index + place] ?? matrix.inputs) != matrix.inputs { return false }
        first = end
      }
    }
    return true
  }
}
