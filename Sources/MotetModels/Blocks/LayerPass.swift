import MotetFormats
import MotetTensor

/// A batch on its way through the layers.
@Compute
struct LayerPass {
  let batch: PackedBatch
  /// Of the model's rotations.
  let tables: [RotaryTable]

  init(_ batch: PackedBatch, tables: [RotaryTable]) {
    self.batch = batch
    self.tables = tables
  }

  /// One decoder layer: `[tokens, hidden]` to the same.
  func run(_ layer: DecoderLayer, _ index: Int, _ x: Tensor, on tape: Tape) throws -> Tensor {
    let x = try attention(layer, index, x, on: tape)
    let own = layer.feedForward
    let inner = own.before.map { tape.norm(x, $0) } ?? x
    let opened = try batch.adapted(inner, own.input, on: tape)
    let block = layer.block.feedForward
    let active =
      block.isGated ? tape.gated(opened, block.activation) : tape.activated(opened, block.activation)
    return try added(active, own, to: x, layer.block.residualScale, index, on: tape) { $0.feedForward }
  }

  private func attention(
    _ layer: DecoderLayer, _ index: Int, _ x: Tensor, on tape: Tape
  ) throws -> Tensor {
    let (own, block) = (layer.attention, layer.block.attention)
    let normed = own.before.map { tape.norm(x, $0) } ?? x
    var qkv = try batch.adapted(normed, own.input, on: tape)
    let norms = layer.groupNorms
    if !norms.isEmpty { qkv = tape.rmsNormGroups(qkv, norms) }
    let attended = tape.rotaryAttention(
      batch.virtual.withPrefixes(qkv, shape: block.rule.shape, layer: index, on: tape), rule: block.rule,
      sequences: batch.sequences, positions: batch.positions,
      table: block.rotation.map { tables[$0] } ?? .none, layer: index)
    return try added(
      batch.virtual.withoutPrefixes(attended, on: tape), own, to: x, layer.block.residualScale, index,
      on: tape
    ) { $0.attention }
  }

  /// What a sublayer gives is added to the residual stream, through modules where rows have them.
  private func added(
    _ input: Tensor, _ sublayer: Sublayer, to residual: Tensor, _ scale: Float, _ index: Int, on tape: Tape,
    _ place: (LayerBottlenecks) -> Bottleneck
  ) throws -> Tensor {
    let modules = batch.bottlenecks(index, place)
    if sublayer.after == nil, scale == 1 {
      if modules.isEmpty { return try batch.adapted(input, sublayer.output, adding: residual, on: tape) }
      return tape.bottleneck(
        try batch.adapted(input, sublayer.output, on: tape), terms: modules, adding: residual)
    }
    var y = try batch.adapted(input, sublayer.output, on: tape)
    if let after = sublayer.after { y = tape.norm(y, after) }
    if !modules.isEmpty {
      let y = scale == 1 ? y : tape.scaled(y, by: scale)
      return tape.bottleneck(y, terms: modules, adding: residual)
    }
    return tape.sum(residual, y, scale: scale)
  }
}

extension DecoderLayer {
  /// The norms of queries and keys, by their columns side by side.
  fileprivate var groupNorms: [GroupNorm] {
    let shape = block.attention.rule.shape
    let queries = shape.heads * shape.headDimension
    let keys = shape.kvHeads * shape.headDimension
    func group(_ norm: NormWeight, _ columns: Range<Int>) -> GroupNorm {
      GroupNorm(
        columns: columns, weight: norm.vector, epsilon: Float(norm.block.epsilon), trained: norm.trained)
    }
    return [
      queryNorm.map { group($0, 0..<queries) }, keyNorm.map { group($0, queries..<queries + keys) },
    ].compactMap(\.self)
  }
}

extension Tape {
  /// A norm by rows, of a base's or a copy's.
  func norm(_ x: Tensor, _ weight: NormWeight) -> Tensor {
    let epsilon = Float(weight.block.epsilon)
    switch weight.block.kind {
    case .rms: return rmsNorm(x, weight: weight.vector, epsilon: epsilon, trained: weight.trained)
    case .layer:
      return layerNorm(
        x, weight: weight.vector, bias: weight.bias, epsilon: epsilon,
        trained: (weight.trained, weight.trainedBias))
    }
  }
}
