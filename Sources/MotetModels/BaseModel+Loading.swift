import Foundation
import MotetFormats
import MotetTensor
import MotetTokenizers

extension BaseModel {
  /// What a base is loaded for, where its precision is not said.
  public enum Purpose: Sendable {
    /// To train and evaluate: bf16 where the processor has units for it, f32 elsewhere; NF4 for a model stored so.
    case training
    /// To generate and serve: the blocks of a GGUF as they are, where the processor multiplies 8 bits; else the same.
    /// They are the fewest bytes to read, and cost 0.2% of NLL on SmolLM2's answers to GSM8K.
    case answering
  }

  /// Loads a base model and packs it for `precision`.
  /// - Parameters:
  ///   - reference: a name under `$MOTET_HOME/models`, a folder or a GGUF file
  ///   - precision: nil takes what is best for the purpose
  ///   - adapterForm: nil takes what suits the precision: see ``LowRankFactors/Form/suiting(_:blocks:)``
  ///   - reading: how its files are read where they do not say it
  /// - Throws: ``ModelError``, `FormatError` or `TokenizerError`, each naming the file and what to do; `TensorError` for a
  ///   precision that this processor has no units for
  public nonisolated static func load(
    _ reference: String, precision: Precision? = nil, adapterForm: LowRankFactors.Form? = nil,
    for purpose: Purpose = .training, reading: ModelReading = ModelReading()
  ) async throws -> BaseModel {
    let found = try ModelStore().find(reference)
    return try await load(
      found.source(reading), name: found.name, precision: precision, adapterForm: adapterForm,
      for: purpose)
  }

  /// The same from a source at hand.
  public nonisolated static func load(
    _ source: any ModelSource, name: String, precision: Precision? = nil,
    adapterForm: LowRankFactors.Form? = nil, for purpose: Purpose = .training
  ) async throws -> BaseModel {
    try precision?.requireAvailable()
    try source.requireKnownTensors()
    let tokenizer = try source.fittingTokenizer()
    let template = try source.template()
    return try await Compute.run {
      let isBest = purpose == .answering && StoredBlocks.areFast
      let blocks = try source.stored(source.model.layers[0].feedForward.output.weightName)?.kind
      let precision =
        precision ?? source.storedPrecision ?? (isBest && blocks != nil ? .stored : .automatic)
      var loader = PartLoader(source: source, precision: precision, name: name)
      return try loader.base(
        tokenizer, template, adapterForm: adapterForm ?? .suiting(precision, blocks: blocks))
    }
  }

  /// Rounds a base to NF4 by what its matrices take while some texts are read: nearer to the base than each value
  /// rounded by itself, in the same format. See ``ColumnFeedback``.
  /// - Parameters:
  ///   - rows: token sequences; those of an adapter's training data serve it best. A few thousand tokens are enough.
  ///   - onLayers: told how many layers are done
  /// - Throws: ``ModelError``, `FormatError` or `TokenizerError`, each naming the file and the mend, or a cancellation
  public nonisolated static func load(
    _ source: any ModelSource, name: String, roundedBy rows: [[Int32]],
    onLayers: @escaping @Sendable (Int) -> Void = { _ in }
  ) async throws -> BaseModel {
    guard source.storedPrecision != .nf4 else { throw ModelError.roundedAlready(path: source.path) }
    guard rows.contains(where: { !$0.isEmpty }) else { throw ModelError.noCalibration }
    let context = source.configuration.maximumPositions
    if let long = rows.first(where: { $0.count > context }) {
      throw ModelError.tooLong(tokens: long.count, context: context)
    }
    let headInputs = try await load(source, name: name, precision: .automatic).headInputs(of: rows)
    let tokenizer = try source.fittingTokenizer()
    let template = try source.template()
    return try await Compute.run {
      var loader = PartLoader(
        source: source, precision: .nf4, name: name, calibrationRows: rows, headInputs: headInputs,
        onLayers: onLayers)
      return try loader.base(tokenizer, template, adapterForm: .suiting(.nf4, blocks: nil))
    }
  }
}

extension LowRankFactors.Form {
  /// About as many bits as the base has: an adapter is a small change to it, and what rounding does to the change is
  /// smaller still. Under 4 bits SmolLM2's NLL with adapters trained on GSM8K moves by 0.2% at most.
  /// - Parameter blocks: those of a base that is multiplied as it is stored
  /// - Returns: nil for f32, whose answers are those of the adapter as it was trained
  public static func suiting(_ precision: Precision, blocks: StoredBlocks.Kind?) -> Self? {
    switch precision {
    case .f32: nil
    case .bf16, .nf4: .bf16
    case .int8: .int8
    case .stored: blocks == .q8_0 ? .int8 : .int4
    }
  }
}

/// Reads, checks, sketches and packs one matrix after another, so that no two plain copies exist at once.
@Compute
private struct PartLoader {
  let source: any ModelSource
  /// Of the base. What 8 bits are made from is packed as it would be without them first.
  let precision: Precision
  let name: String
  /// What NF4 is rounded by; empty for each value by itself.
  var calibrationRows: [[Int32]] = []
  /// What the head takes of them in the model as it is.
  var headInputs: InputMoment?
  var onLayers: @Sendable (Int) -> Void = { _ in }
  let turned = TurnedForms()
  var sites: [AdapterSite] = []
  var sketch: [String: [Float]] = [:]

  private var model: ModelDescription { source.model }
  private var configuration: ModelConfiguration { model.configuration }
  private var isTied: Bool { configuration.tieWordEmbeddings }
  private var fifthBits: FifthBits { FifthBits(model) }
  private var isCalibrated: Bool { !calibrationRows.isEmpty }
  private var packed: Precision { precision == .int8 || precision == .stored ? .automatic : precision }
  /// Of layers as they are read: what is rounded by its inputs is as it was before.
  private var layerPrecision: Precision { isCalibrated ? .automatic : precision }

  mutating func base(
    _ tokenizer: Tokenizer, _ template: ChatTemplate?, adapterForm: LowRankFactors.Form?
  ) throws -> BaseModel {
    let parts = try parts(tokenizer)
    BufferPool.trim()
    return BaseModel(
      name: name, precision: precision, adapterForm: adapterForm, tokenizer: tokenizer, template: template,
      source: source, parts: parts)
  }

  private mutating func parts(_ tokenizer: Tokenizer) throws -> BaseModel.Parts {
    let c = configuration
    let (embedding, wideHead) = try embeddingAndHead()
    let tables = TokenTables(embedding: embedding, positions: try positions())
    var layers: [DecoderLayer] = []
    var quantization =
      precision == .int8 ? try Quantization(model, tables: tables, tokenizer: tokenizer) : nil
    var calibration =
      isCalibrated ? try Calibration(model, tables: tables, rows: calibrationRows) : nil
    for (index, block) in model.layers.enumerated() {
      var layer = try layer(block, index)
      layer = try calibration?.quantize(layer) { try rounded($0, by: $1) } ?? layer
      layers.append(try quantization?.quantize(layer) ?? layer)
      onLayers(index + 1)
    }
    let finalNorm = try norm(model.finalNorm)
    let head = try quantization?.quantize(head: wideHead, finalNorm: finalNorm) ?? wideHead
    return BaseModel.Parts(
      identity: BaseIdentity(
        name: name, architecture: model.architecture.name, layers: c.layers, hidden: c.hiddenSize,
        vocabulary: c.vocabulary, sketch: sketch),
      sites: sites,
      weights: ModelWeights(
        tables: tables, layers: layers,
        whole: WholeLayers(layers, following: head, rotations: model.rotations.count),
        finalNorm: finalNorm, head: head))
  }

  /// One matrix serves both where the model ties them and it holds the values as they embed.
  private func embeddingAndHead() throws -> (FrozenTable, FrozenMatrix) {
    let c = configuration
    let shape = [c.vocabulary, c.hiddenSize]
    let values = try read(model.embeddingName, shape: shape)
    func head(_ values: [Float]) throws -> FrozenMatrix {
      try FrozenMatrix(
        values, outputs: c.vocabulary, inputs: c.hiddenSize, precision: packed, sharing: turned)
    }
    if precision == .stored,
      let blocks = try source.stored(model.headSource),
      blocks.outputs == c.vocabulary, blocks.inputs == c.hiddenSize
    {
      let head = try FrozenMatrix(stored: [blocks])
      if isTied { return (FrozenTable(sharing: head), head) }
      return (FrozenTable(values, rows: c.vocabulary, columns: c.hiddenSize, precision: packed), head)
    }
    if isTied, precision != .int8 {
      guard precision == .nf4 else {
        let head = try head(values)
        return (FrozenTable(sharing: head), head)
      }
      let head = try nf4Table(model.embeddingName, values)
      return (FrozenTable(sharing: head), head)
    }
    let own = isTied ? values : try read(model.headName, shape: shape)
    guard precision == .nf4 else {
      let table = FrozenTable(values, rows: c.vocabulary, columns: c.hiddenSize, precision: packed)
      return (table, try head(own))
    }
    let table = FrozenTable(
      Self.narrowed(values), rows: c.vocabulary, columns: c.hiddenSize, precision: .nf4)
    return (table, try nf4Table(model.headName, own))
  }

  /// The head in NF4: as it is stored so, rounded by what it takes, or each value by itself.
  private func nf4Table(_ name: String, _ values: [Float]) throws -> FrozenMatrix {
    let c = configuration
    if let stored = try source.nf4Table(name) {
      guard stored.outputs == c.vocabulary, stored.inputs == c.hiddenSize else {
        throw ModelError.wrongShape(
          name: name, shape: [stored.outputs, stored.inputs], expected: [c.vocabulary, c.hiddenSize],
          path: source.path)
      }
      return FrozenMatrix([stored])
    }
    let values = Self.narrowed(values)
    guard let headInputs else {
      return FrozenMatrix([NF4Matrix(quantizing: values, outputs: c.vocabulary, inputs: c.hiddenSize)])
    }
    let feedback = try headInputs.feedback()
    return FrozenMatrix([
      NF4Matrix(
        quantizing: values, outputs: c.vocabulary, inputs: c.hiddenSize, feedback: feedback,
        fifthBits: fifthBits.hasHead)
    ])
  }

  /// Learnt positions.
  private func positions() throws -> FrozenTable? {
    guard let block = model.embedding.positions else { return nil }
    let values = try read(block.module + ".weight", shape: [block.count, configuration.hiddenSize])
    return FrozenTable(
      precision == .nf4 ? Self.narrowed(values) : values, rows: block.count,
      columns: configuration.hiddenSize, precision: .f32)
  }

  private func norm(_ block: NormBlock) throws -> NormWeight {
    NormWeight(
      block, try vector(block.weightName, block.width),
      bias: block.hasBias ? try vector(block.biasName, block.width) : nil)
  }

  private func vector(_ name: String, _ width: Int) throws -> [Float] {
    let values = try read(name, shape: [width])
    return precision == .nf4 ? Self.narrowed(values) : values
  }

  /// Norms, embedding and head as a folder in NF4 stores them: in bf16, as bitsandbytes leaves them. The last two are
  /// rounded to NF4 from there, so that a model quantized once is the same as one quantized while it is loaded.
  private static func narrowed(_ values: [Float]) -> [Float] {
    Tensor.roundedToBF16(values)
  }

  private mutating func layer(_ block: LayerBlock, _ index: Int) throws -> DecoderLayer {
    let (attention, feedForward) = (block.attention, block.feedForward)
    let attentionInput = try group(attention.input, index)
    let attentionOutput = try group([attention.output], index)
    let feedForwardInput = try group(feedForward.input, index)
    let feedForwardOutput = try group([feedForward.output], index)
    return DecoderLayer(
      block: block,
      attention: Sublayer(
        before: try attention.before.map(norm), after: try attention.after.map(norm),
        input: attentionInput, output: attentionOutput),
      queryNorm: try attention.queryNorm.map(norm), keyNorm: try attention.keyNorm.map(norm),
      feedForward: Sublayer(
        before: try feedForward.before.map(norm), after: try feedForward.after.map(norm),
        input: feedForwardInput, output: feedForwardOutput))
  }

  private mutating func group(_ linears: [LinearBlock], _ layer: Int) throws -> SiteGroup {
    var stacked: [Float] = []
    var quantized: [NF4Matrix] = []
    var blocks: [StoredBlocks] = []
    var members: [(index: Int, columns: Range<Int>)] = []
    var offset = 0
    for linear in linears {
      let path = model.path(of: linear)
      var values: [Float] = []
      if layerPrecision == .nf4 {
        let matrix = try nf4(linear)
        quantized.append(matrix)
        values = matrix.floats()
      } else {
        values = try read(linear)
        if precision == .stored, !linear.isTransposed, let own = try source.stored(linear.weightName) {
          blocks.append(own)
        }
        stacked = stacked.isEmpty ? values : stacked + values
      }
      sketch[path] = BaseIdentity.sketch(values, outputs: linear.outputs, inputs: linear.inputs, site: path)
      members.append((sites.count, offset..<offset + linear.outputs))
      sites.append(
        AdapterSite(
          path: path, layer: layer, module: String(path.split(separator: ".").last ?? ""),
          kind: linear.kind, inputs: linear.inputs, outputs: linear.outputs, sharesInput: linears.count > 1))
      offset += linear.outputs
    }
    return SiteGroup(
      matrix: try matrix(
        quantized, blocks, stacked, outputs: offset, inputs: linears[0].inputs, of: linears.count),
      members: members, bias: try bias(linears))
  }

  /// What the layers of a group add, side by side: all of them, or none.
  private func bias(_ linears: [LinearBlock]) throws -> BiasWeight? {
    guard linears[0].hasBias else { return nil }
    return BiasWeight(vector: FrozenVector(try linears.flatMap { try vector($0.biasName, $0.outputs) }))
  }

  /// The modules of a group as one matrix: in the blocks they are stored in where all of them have some.
  private func matrix(
    _ quantized: [NF4Matrix], _ blocks: [StoredBlocks], _ values: [Float], outputs: Int, inputs: Int,
    of modules: Int
  ) throws -> FrozenMatrix {
    if layerPrecision == .nf4 { return FrozenMatrix(quantized) }
    if blocks.count == modules { return try FrozenMatrix(stored: blocks) }
    return try FrozenMatrix(
      values, outputs: outputs, inputs: inputs, precision: isCalibrated ? layerPrecision : packed,
      sharing: turned)
  }

  /// The modules of a group in NF4, rounded by what they take.
  private mutating func rounded(_ group: SiteGroup, by moment: InputMoment) throws -> SiteGroup {
    let (feedback, fifthBits) = (try moment.feedback(), fifthBits)
    let parts = try group.members.map { member in
      let site = sites[member.index]
      let linear = try linear(at: site)
      let matrix = NF4Matrix(
        quantizing: try read(linear), outputs: site.outputs, inputs: site.inputs, feedback: feedback,
        fifthBits: fifthBits.contains(linear.module))
      sketch[site.path] = BaseIdentity.sketch(
        matrix.floats(), outputs: site.outputs, inputs: site.inputs, site: site.path)
      return matrix
    }
    return SiteGroup(matrix: FrozenMatrix(parts), members: group.members, bias: group.bias)
  }

  private func linear(at site: AdapterSite) throws -> LinearBlock {
    guard
      let linear = model.layers[site.layer].groups.joined().first(where: { model.path(of: $0) == site.path })
    else { throw ModelError.missingTensor(name: site.path, path: source.path) }
    return linear
  }

  /// A matrix as it is stored in NF4, or rounded to it.
  private func nf4(_ linear: LinearBlock) throws -> NF4Matrix {
    // One in NF4 is never stored turned.
    let isTurned =
      try linear.isTransposed && source.contains(linear.weightName)
      && source.shape(linear.weightName) == linear.storedShape
    try check(linear.weightName, shape: isTurned ? linear.storedShape : [linear.outputs, linear.inputs])
    if let stored = try source.nf4(linear.weightName) { return stored }
    return NF4Matrix(
      quantizing: try read(linear), outputs: linear.outputs, inputs: linear.inputs)
  }

  /// A matrix as `[outputs, inputs]`.
  private func read(_ linear: LinearBlock) throws -> [Float] {
    let values = try read(linear.weightName, shape: linear.storedShape)
    return linear.isTransposed ? values.transposed(rows: linear.inputs) : values
  }

  private func check(_ name: String, shape: [Int]) throws {
    guard source.contains(name) else { throw ModelError.missingTensor(name: name, path: source.path) }
    let found = try source.shape(name)
    guard found == shape else {
      throw ModelError.wrongShape(name: name, shape: found, expected: shape, path: source.path)
    }
  }

  private func read(_ name: String, shape: [Int]) throws -> [Float] {
    try check(name, shape: shape)
    let values = try source.floats(name)
    guard values.firstNotFinite == nil else { throw ModelError.notFinite(name: name, path: source.path) }
    return values
  }
}
