import MotetTensor

/// A copy of some of a base's weights: what the rows of a mix go through in place of the base's, which stay as they are.
///
/// A copy that trains keeps its values in f32 and packs them anew after each step (``repack()``); one that was loaded
/// keeps the packed ones alone. What is not copied is the base's own object, so that a copy of the last layers costs the
/// memory of those.
@Compute
public final class WeightCopy {
  /// Which of a base's weights are copied.
  public struct Extent: Sendable, Equatable {
    public var layers: Range<Int>
    /// The embedding, the final norm and the head too.
    public var hasTables: Bool

    public init(layers: Range<Int>, hasTables: Bool) {
      self.layers = layers
      self.hasTables = hasTables
    }

    /// All that a base has.
    public static func all(of base: BaseModel) -> Extent {
      Extent(layers: 0..<base.configuration.layers, hasTables: true)
    }
  }

  private(set) var weights: ModelWeights
  /// What trains: matrices that share an input as one, as they are multiplied. Empty for a copy that was loaded.
  public private(set) var parameters: [Parameter] = []
  private var entries: [(entry: TensorSpec, parameter: Int, offset: Int)] = []

  /// - Parameters:
  ///   - trains: whether it keeps parameters
  ///   - values: a tensor's values as its file holds them, in the shape that ``entries(of:_:)`` says
  /// - Throws: what `values` throws, or `TensorError`
  public init(
    of base: BaseModel, _ extent: Extent, trains: Bool, values: (TensorSpec) throws -> [Float]
  ) throws {
    weights = base.weights
    weights.whole = nil
    let model = base.model
    let specs = TensorInventory(model)
    func parameter(_ names: [String], rows: Int, columns: Int) throws -> (Parameter?, Tensor) {
      let all = names.compactMap { specs[$0] }
      precondition(all.count == names.count)
      let joined = try all.flatMap { entry in
        let values = try values(entry)
        precondition(values.count == entry.count)
        return entry.isTransposed ? values.transposed(rows: entry.shape[0]) : values
      }
      guard trains else { return (nil, Tensor(rows: rows, columns: columns, joined)) }
      let made = Parameter(rows: rows, columns: columns, joined, trainable: true)
      var offset = 0
      for entry in all {
        entries.append((entry, parameters.count, offset))
        offset += entry.count
      }
      parameters.append(made)
      return (made, made.values)
    }
    func norm(_ own: NormWeight) throws -> NormWeight {
      let block = own.block
      let (trained, values) = try parameter([block.weightName], rows: 1, columns: block.width)
      guard block.hasBias else { return NormWeight(block, values.values, trained: trained) }
      let (trainedBias, bias) = try parameter([block.biasName], rows: 1, columns: block.width)
      return NormWeight(
        block, values.values, bias: bias.values, trained: trained, trainedBias: trainedBias)
    }
    func group(_ own: SiteGroup, _ linears: [LinearBlock]) throws -> SiteGroup {
      let (trained, values) = try parameter(
        linears.map(\.weightName), rows: own.matrix.outputs, columns: own.matrix.inputs)
      var copy = SiteGroup(
        matrix: try FrozenMatrix(values, copying: own.matrix), members: own.members, bias: own.bias,
        trained: trained)
      if own.bias != nil {
        let (trained, values) = try parameter(linears.map(\.biasName), rows: 1, columns: own.matrix.outputs)
        copy.bias = BiasWeight(vector: FrozenVector(values.values), trained: trained)
      }
      return copy
    }
    func sublayer(_ own: Sublayer, _ input: [LinearBlock], _ output: LinearBlock) throws -> Sublayer {
      var copy = own
      copy.before = try own.before.map(norm)
      copy.after = try own.after.map(norm)
      copy.input = try group(own.input, input)
      copy.output = try group(own.output, [output])
      return copy
    }
    for index in extent.layers {
      let own = base.weights.layers[index]
      let (attention, feedForward) = (own.block.attention, own.block.feedForward)
      weights.layers[index] = DecoderLayer(
        block: own.block, attention: try sublayer(own.attention, attention.input, attention.output),
        queryNorm: try own.queryNorm.map(norm), keyNorm: try own.keyNorm.map(norm),
        feedForward: try sublayer(own.feedForward, feedForward.input, feedForward.output))
      // Training frees what it held for a layer at a time.
      BufferPool.trim()
    }
    guard extent.hasTables else { return }
    weights.finalNorm = try norm(base.weights.finalNorm)
    let (rows, columns) = (base.configuration.vocabulary, base.configuration.hiddenSize)
    let (trained, values) = try parameter([model.headSource], rows: rows, columns: columns)
    weights.head = try FrozenMatrix(values, copying: base.weights.head)
    weights.trainedHead = trained
    if model.configuration.tieWordEmbeddings {
      weights.tables.embedding = FrozenTable(sharing: weights.head)
      weights.tables.trainedEmbedding = trained
    } else {
      let (trained, values) = try parameter([model.embeddingName], rows: rows, columns: columns)
      weights.tables.embedding = Self.table(values, like: weights.head)
      weights.tables.trainedEmbedding = trained
    }
    guard let positions = model.embedding.positions else { return }
    let (trainedPositions, own) = try parameter(
      [positions.module + ".weight"], rows: positions.count, columns: columns)
    weights.tables.positions = FrozenTable(
      own.values, rows: positions.count, columns: columns, precision: .f32)
    weights.tables.trainedPositions = trainedPositions
  }

  private static func table(_ values: Tensor, like head: FrozenMatrix) -> FrozenTable {
    FrozenTable(values.values, rows: values.rows, columns: values.columns, precision: head.precision)
  }

  /// Brings what rows go through in line with the parameters.
  /// - Throws: `TensorError` when there is no memory
  public func repack() throws {
    for index in weights.layers.indices where weights.layers[index].attention.input.trained != nil {
      let layer = weights.layers[index].mapNorms { $0.renewed }
      weights.layers[index] = try layer.mapGroups { try $0.renewed() }
    }
    weights.finalNorm = weights.finalNorm.renewed
    if let positions = weights.tables.trainedPositions {
      weights.tables.positions = FrozenTable(
        positions.values.values, rows: positions.rows, columns: positions.values.columns, precision: .f32)
    }
    guard let head = weights.trainedHead else { return }
    weights.head = try FrozenMatrix(head.values, replacing: weights.head)
    if weights.tables.trainedEmbedding === head {
      weights.tables.embedding = FrozenTable(sharing: weights.head)
    } else if let embedding = weights.tables.trainedEmbedding {
      weights.tables.embedding = Self.table(embedding.values, like: weights.head)
    }
  }

  /// Every trained tensor with its values as rows see them, rounded to what matrices are held in, and as files hold them.
  public func forEachTensor(_ body: (TensorSpec, [Float]) throws -> Void) rethrows {
    let isNarrow = precision == .bf16
    for (entry, index, offset) in entries {
      let all = parameters[index].values
      var part = Array(UnsafeBufferPointer(start: all.data + offset, count: entry.count))
      if isNarrow, entry.shape.count > 1, entry.role != .positions { part = Tensor.roundedToBF16(part) }
      try body(entry, entry.isTransposed ? part.transposed(rows: entry.shape[1]) : part)
    }
  }

  /// What its matrices are held in.
  public var precision: Precision { weights.layers.last?.feedForward.output.matrix.precision ?? .f32 }

  /// The tensors that a copy has, in the order of the model. A tied head has none of its own.
  public nonisolated static func entries(of base: BaseModel, _ extent: Extent) -> [TensorSpec] {
    base.model.tensors.filter { tensor in tensor.layer.map(extent.layers.contains) ?? extent.hasTables }
  }
}

extension NormWeight {
  /// With the values that its parameters have now.
  @Compute
  fileprivate var renewed: NormWeight {
    guard let trained else { return self }
    return NormWeight(
      block, trained.values.values, bias: trainedBias?.values.values, trained: trained,
      trainedBias: trainedBias)
  }
}

extension SiteGroup {
  /// The same.
  @Compute
  fileprivate func renewed() throws -> SiteGroup {
    guard let trained else { return self }
    var group = self
    group.bias = bias.map { own in
      BiasWeight(
        vector: own.trained.map { FrozenVector($0.values.values) } ?? own.vector, trained: own.trained)
    }
    return SiteGroup(
      matrix: try FrozenMatrix(trained.values, replacing: matrix), members: members, bias: group.bias,
      trained: trained)
  }
}
