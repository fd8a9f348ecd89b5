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

  /// One layer: the formula stands in CKernels.h.
  public struct Layer {
    public var attentionNorm: FrozenVector?
    public var queryKeyValue: FrozenMatrix
    /// Of queries, keys and values.
    public var bias: FrozenVector?
    /// As wide as a head, or as all queries.
    public var queryNorm: FrozenVector?
    public var keyNorm: FrozenVector?
    public var rule: AttentionRule
    /// Which of the tables of a pass turns queries and keys.
    public var table: Int
    public var attentionOutput: FrozenMatrix
    public var attentionAfter: FrozenVector?
    public var feedForwardNorm: FrozenVector?
    public var gateUp: FrozenMatrix
    public var activation: Activation
    public var down: FrozenMatrix
    public var feedForwardAfter: FrozenVector?
    public var residualScale: Float

    /// Llama's steps, and beside them what `rule` and `table` say.
    public init(
      attentionNorm: FrozenVector?, queryKeyValue: FrozenMatrix, rule: AttentionRule, table: Int = 0,
      attentionOutput: FrozenMatrix, feedForwardNorm: FrozenVector?, gateUp: FrozenMatrix,
      activation: Activation = .silu, down: FrozenMatrix, residualScale: Float = 1
    ) {
      self.attentionNorm = attentionNorm
      self.queryKeyValue = queryKeyValue
      self.rule = rule
      self.table = table
      self.attentionOutput = attentionOutput
      self.feedForwardNorm = feedForwardNorm
      self.gateUp = gateUp
      self.activation = activation
      self.down = down
      self.residualScale = residualScale
    }

    /// In the order in which they are multiplied.
    fileprivate var matrices: [FrozenMatrix] { [queryKeyValue, attentionOutput, gateUp, down] }
  }

  public let shape: AttentionShape
  public let epsilon: Float
  private let hidden: Int
  private let layers: [Layer]
  private let following: FrozenMatrix?
  /// They point into what `layers`, `vectors` and `rules` hold.
  private let described: [mk_layer]
  private let vectors: VectorMemory
  private nonisolated(unsafe) let rules: UnsafeMutableBufferPointer<mk_attention_rule>

  /// - Parameters:
  ///   - following: the matrix that is multiplied after them
  ///   - shape: of every layer's rule
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
      let ofHidden = [
        layer.attentionNorm, layer.attentionAfter, layer.feedForwardNorm, layer.feedForwardAfter,
      ]
      precondition(ofHidden.allSatisfy { $0.map { $0.values.count == hidden } ?? true })
      precondition(layer.bias.map { $0.values.count == shape.packedWidth } ?? true)
      precondition(layer.queryNorm.map { shape.queryWidth % $0.values.count == 0 } ?? true)
      precondition(layer.keyNorm.map { shape.kvWidth % $0.values.count == 0 } ?? true)
      precondition(layer.rule.shape == shape && layer.rule.isCausal && layer.rule.isValid)
    }
    self.layers = layers
    self.hidden = hidden
    self.shape = shape
    self.epsilon = epsilon
    self.following = following
    var vectors = VectorMemory(
      capacity: layers.reduce(0) { $0 + $1.vectors.reduce(0) { $0 + $1.values.count } })
    let rules = UnsafeMutableBufferPointer<mk_attention_rule>.allocate(capacity: layers.count)
    _ = rules.initialize(from: layers.map(\.rule.described))
    self.rules = rules
    described = layers.enumerated().map { index, layer in
      mk_layer(
        qkv: layer.queryKeyValue.storedHandle, output: layer.attentionOutput.storedHandle,
        gate_up: layer.gateUp.storedHandle, down: layer.down.storedHandle,
        attention_norm: vectors.place(of: layer.attentionNorm),
        feed_forward_norm: vectors.place(of: layer.feedForwardNorm),
        attention_after: vectors.place(of: layer.attentionAfter),
        feed_forward_after: vectors.place(of: layer.feedForwardAfter), bias: vectors.place(of: layer.bias),
        query_norm: vectors.place(of: layer.queryNorm), key_norm: vectors.place(of: layer.keyNorm),
        query_norm_width: Int64(layer.queryNorm?.values.count ?? 0),
        key_norm_width: Int64(layer.keyNorm?.values.count ?? 0), residual_scale: layer.residualScale,
        activation: layer.activation.kind, rule: UnsafePointer(rules.baseAddress?.advanced(by: index)),
        table: Int64(layer.table))
    }
    self.vectors = vectors
  }

  deinit {
    vectors.deallocate()
    rules.deallocate()
  }

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
  ///   - tables: those that layers name
  /// - Returns: `[rows, hidden]`
  /// - Precondition: ``takes(_:_:on:)``
  public func forward(
    _ x: Tensor, depth: Int, adding terms: LayerTerms, sequences: [SequenceSpan], positions: [Int32],
    tables: [RotaryTable], on tape: Tape
  ) -> Tensor {
    precondition(takes(x.rows, sequences, on: tape) && x.columns == hidden && positions.count == x.rows)
    for (index, layer) in layers.prefix(depth).enumerated() {
      let isKnown = layers.prefix(index).contains { $0.table == layer.table && $0.rule == layer.rule }
      precondition(isKnown || layer.rule.fits(tables[layer.table], positions: positions))
    }
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
    var cache = pool.described
    let pages = sequences.flatMap { $0.cache?.pointers ?? [] }
    withExtendedLifetime((terms, tables)) {
      tables.withDescribed { tables in
        sequences.withDescribed(projected, into: attended, positions: positions, pages: pages) { spans in
          mk_layers_forward(
            described, Int64(depth), &pass, x.data, terms.described, terms.counts, tables, &cache, spans,
            y.data)
        }
      }
    }
    return y
  }
}

extension StoredLayers.Layer {
  /// Every vector that the kernels read.
  fileprivate var vectors: [FrozenVector] {
    [
      attentionNorm, feedForwardNorm, attentionAfter, feedForwardAfter, bias, queryNorm, keyNorm,
    ].compactMap(\.self)
  }
}

/// Vectors one after the other in memory that stays where it is.
private struct VectorMemory {
  private nonisolated(unsafe) let base: UnsafeMutablePointer<Float>
  private let capacity: Int
  private var used = 0

  init(capacity: Int) {
    self.capacity = capacity
    base = .allocate(capacity: capacity)
  }

  /// Copies a vector in; nil for none.
  /// - Precondition: there is room for it
  @Compute mutating func place(of vector: FrozenVector?) -> UnsafePointer<Float>? {
    guard let values = vector?.values else { return nil }
    precondition(used + values.count <= capacity)
    let place = base + used
    place.initialize(from: values, count: values.count)
    used += values.count
    return UnsafePointer(place)
  }

  func deallocate() { base.deallocate() }
}

extension [RotaryTable] {
  /// As the kernels take them, for as long as `body` runs.
  fileprivate func withDescribed(_ body: ([mk_rotary_table]) -> Void) {
    func describe(_ rest: ArraySlice<RotaryTable>, _ described: [mk_rotary_table]) {
      guard let table = rest.first else { return body(described) }
      table.cosines.withUnsafeBufferPointer { cosines in
        table.sines.withUnsafeBufferPointer { sines in
          let own = mk_rotary_table(cosines: cosines.baseAddress, sines: sines.baseAddress)
          describe(rest.dropFirst(), described + [own])
        }
      }
    }
    describe(self[...], [])
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
