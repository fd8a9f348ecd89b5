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

  /// A tensor by Hugging Face's name for it.
  public struct Entry: Sendable, Equatable {
    /// `model.layers.3.mlp.down_proj.weight`
    public let name: String
    /// `[outputs, inputs]`, or `[hidden]`
    public let shape: [Int]
    public var count: Int { shape.reduce(1, *) }
  }

  private(set) var weights: ModelWeights
  /// What trains: matrices that share an input as one, as they are multiplied. Empty for a copy that was loaded.
  public private(set) var parameters: [Parameter] = []
  private var entries: [(entry: Entry, parameter: Int, offset: Int)] = []

  /// - Parameters:
  ///   - trains: whether it keeps parameters
  ///   - values: a tensor's values, by Hugging Face's name, in the shape that ``entries(of:_:)`` says
  /// - Throws: what `values` throws, or `TensorError`
  public init(
    of base: BaseModel, _ extent: Extent, trains: Bool, values: (Entry) throws -> [Float]
  ) throws {
    weights = base.weights
    weights.whole = nil
    func parameter(_ all: [Entry], rows: Int, columns: Int) throws -> (Parameter?, Tensor) {
      let joined = try all.flatMap { entry in
        let values = try values(entry)
        precondition(values.count == entry.count)
        return values
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
    func norm(_ entry: Entry) throws -> NormWeight {
      let (trained, values) = try parameter([entry], rows: 1, columns: entry.count)
      return NormWeight(FrozenVector(values.values), trained: trained)
    }
    for layer in extent.layers {
      let own = base.weights.layers[layer]
      let norms = Self.norms(ofLayer: layer, width: base.configuration.hiddenSize)
      let attentionNorm = try norm(norms[0])
      let groups = try own.mapGroups { group in
        let (trained, values) = try parameter(
          group.members.map { Self.entry(of: base.sites[$0.index]) }, rows: group.matrix.outputs,
          columns: group.matrix.inputs)
        return SiteGroup(
          matrix: try FrozenMatrix(values, copying: group.matrix), members: group.members, trained: trained)
      }
      weights.layers[layer] = DecoderLayer(
        attentionNorm: attentionNorm, queryKeyValue: groups.queryKeyValue,
        attentionOutput: groups.attentionOutput, feedForwardNorm: try norm(norms[1]),
        gateUp: groups.gateUp, down: groups.down)
      // Training frees what it held for a layer at a time.
      BufferPool.trim()
    }
    guard extent.hasTables else { return }
    let tables = Self.tables(of: base)
    weights.finalNorm = try norm(tables.finalNorm)
    let (rows, columns) = (base.configuration.vocabulary, base.configuration.hiddenSize)
    let (trained, values) = try parameter([tables.head], rows: rows, columns: columns)
    weights.head = try FrozenMatrix(values, copying: base.weights.head)
    weights.trainedHead = trained
    if let embedding = tables.embedding {
      let (trained, values) = try parameter([embedding], rows: rows, columns: columns)
      weights.embedding = Self.table(values, like: weights.head)
      weights.trainedEmbedding = trained
    } else {
      weights.embedding = FrozenTable(sharing: weights.head)
      weights.trainedEmbedding = trained
    }
  }

  private static func table(_ values: Tensor, like head: FrozenMatrix) -> FrozenTable {
    FrozenTable(values.values, rows: values.rows, columns: values.columns, precision: head.precision)
  }

  /// Brings what rows go through in line with the parameters.
  /// - Throws: `TensorError` when there is no memory
  public func repack() throws {
    for index in weights.layers.indices where weights.layers[index].attentionNorm.trained != nil {
      let layer = weights.layers[index]
      let groups = try layer.mapGroups { group in
        guard let trained = group.trained else { return group }
        return SiteGroup(
          matrix: try FrozenMatrix(trained.values, replacing: group.matrix), members: group.members,
          trained: trained)
      }
      weights.layers[index] = DecoderLayer(
        attentionNorm: layer.attentionNorm.renewed, queryKeyValue: groups.queryKeyValue,
        attentionOutput: groups.attentionOutput, feedForwardNorm: layer.feedForwardNorm.renewed,
        gateUp: groups.gateUp, down: groups.down)
    }
    weights.finalNorm = weights.finalNorm.renewed
    guard let head = weights.trainedHead else { return }
    weights.head = try FrozenMatrix(head.values, replacing: weights.head)
    if weights.trainedEmbedding === head {
      weights.embedding = FrozenTable(sharing: weights.head)
    } else if let embedding = weights.trainedEmbedding {
      weights.embedding = Self.table(embedding.values, like: weights.head)
    }
  }

  /// Every trained tensor with its values as rows see them: rounded to what matrices are held in.
  public func forEachTensor(_ body: (Entry, [Float]) throws -> Void) rethrows {
    let isNarrow = precision == .bf16
    for (entry, index, offset) in entries {
      let all = parameters[index].values
      var part = Array(UnsafeBufferPointer(start: all.data + offset, count: entry.count))
      if isNarrow, entry.shape.count > 1 { part = Tensor.roundedToBF16(part) }
      try body(entry, part)
    }
  }

  /// What its matrices are held in.
  public var precision: Precision { weights.layers.last?.down.matrix.precision ?? .f32 }

  // MARK: Names

  /// The tensors that a copy has, in the order of the model.
  public nonisolated static func entries(of base: BaseModel, _ extent: Extent) -> [Entry] {
    let width = base.configuration.hiddenSize
    var result: [Entry] = []
    for layer in extent.layers {
      result += norms(ofLayer: layer, width: width)
      result += base.sites.filter { $0.layer == layer }.map(entry(of:))
    }
    guard extent.hasTables else { return result }
    let tables = tables(of: base)
    return result + [tables.finalNorm, tables.head] + (tables.embedding.map { [$0] } ?? [])
  }

  private nonisolated static func norms(ofLayer layer: Int, width: Int) -> [Entry] {
    ["input_layernorm", "post_attention_layernorm"].map {
      Entry(name: "model.layers.\(layer).\($0).weight", shape: [width])
    }
  }

  private nonisolated static func entry(of site: AdapterSite) -> Entry {
    Entry(name: "model.\(site.path).weight", shape: [site.outputs, site.inputs])
  }

  /// A tied head has the embedding's name, and there is no other embedding then.
  private nonisolated static func tables(
    of base: BaseModel
  ) -> (finalNorm: Entry, head: Entry, embedding: Entry?) {
    let shape = [base.configuration.vocabulary, base.configuration.hiddenSize]
    let embedding = Entry(name: "model.embed_tokens.weight", shape: shape)
    let finalNorm = Entry(name: "model.norm.weight", shape: [base.configuration.hiddenSize])
    let isTied = base.configuration.tieWordEmbeddings || !base.source.contains("lm_head.weight")
    return (
      finalNorm, isTied ? embedding : Entry(name: "lm_head.weight", shape: shape), isTied ? nil : embedding
    )
  }
}

extension NormWeight {
  /// With the values that its parameter has now.
  @Compute
  fileprivate var renewed: NormWeight {
    guard let trained else { return self }
    return NormWeight(FrozenVector(trained.values.values), trained: trained)
  }
}
