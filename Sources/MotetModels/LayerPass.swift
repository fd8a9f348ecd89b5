import MotetFormats
import MotetTensor

/// A batch on its way through the layers.
@Compute
struct LayerPass {
  let batch: PackedBatch
  let shape: AttentionShape
  let epsilon: Float
  let table: RotaryTable
  /// For rows and weights that each layer can be one operator of.
  private let whole: StoredLayers?

  /// - Parameter tape: of the pass, where all of it is on one
  init(_ batch: PackedBatch, configuration c: ModelConfiguration, table: RotaryTable, on tape: Tape? = nil) {
    self.batch = batch
    self.table = table
    shape = AttentionShape(heads: c.heads, kvHeads: c.kvHeads, headDimension: c.headDimension)
    epsilon = Float(c.rmsNormEpsilon)
    whole = tape.flatMap { [shape, epsilon] in
      guard batch.addsOnlyForward else { return nil }
      return StoredLayers(
        on: $0, shape: shape, sequences: batch.sequences, positions: batch.positions, table: table,
        epsilon: epsilon)
    }
  }

  /// One decoder layer as one operator; nil where it is none.
  private func runWhole(_ layer: DecoderLayer, _ index: Int, _ x: Tensor, before next: DecoderLayer?)
    -> Tensor?
  {
    guard let whole, layer.groups.allSatisfy({ $0.matrix.precision == .stored && $0.trained == nil }),
      layer.attentionNorm.trained == nil, layer.feedForwardNorm.trained == nil
    else { return nil }
    func adapted(_ group: SiteGroup) -> StoredLayers.Adapted {
      StoredLayers.Adapted(group.matrix, batch.forward(at: group))
    }
    let parts = StoredLayers.Layer(
      attentionNorm: layer.attentionNorm.vector, queryKeyValue: adapted(layer.queryKeyValue),
      attentionOutput: adapted(layer.attentionOutput), feedForwardNorm: layer.feedForwardNorm.vector,
      gateUp: adapted(layer.gateUp), down: adapted(layer.down))
    return whole.run(parts, index, x, following: next?.queryKeyValue.matrix)
  }

  /// One decoder layer: `[tokens, hidden]` to the same.
  /// - Parameter next: the layer that comes after it, where that is known
  func run(
    _ layer: DecoderLayer, _ index: Int, _ x: Tensor, before next: DecoderLayer? = nil, on tape: Tape
  ) throws -> Tensor {
    if let y = runWhole(layer, index, x, before: next) { return y }
    func adapted(_ x: Tensor, _ group: SiteGroup, adding residual: Tensor? = nil) throws -> Tensor {
      try batch.adapted(x, group, adding: residual, on: tape)
    }
    // What a sublayer gives is added to the residual stream, through modules where rows have them.
    func sublayer(
      _ input: Tensor, _ group: SiteGroup, adding residual: Tensor,
      _ place: (LayerBottlenecks) -> Bottleneck
    ) throws -> Tensor {
      let modules = batch.bottlenecks(index, place)
      if modules.isEmpty { return try adapted(input, group, adding: residual) }
      return tape.bottleneck(try adapted(input, group), terms: modules, adding: residual)
    }
    let normed = tape.rmsNorm(x, layer.attentionNorm, epsilon: epsilon)
    let qkv = batch.virtual.withPrefixes(
      try adapted(normed, layer.queryKeyValue), shape: shape, layer: index, on: tape)
    let attended = tape.rotaryAttention(
      qkv, shape: shape, sequences: batch.sequences, positions: batch.positions, table: table, layer: index)
    let x = try sublayer(
      batch.virtual.withoutPrefixes(attended, on: tape), layer.attentionOutput, adding: x
    ) { $0.attention }
    let inner = tape.rmsNorm(x, layer.feedForwardNorm, epsilon: epsilon)
    let gated = tape.swiglu(try adapted(inner, layer.gateUp))
    return try sublayer(gated, layer.down, adding: x) { $0.feedForward }
  }
}

extension Tape {
  /// RMSNorm by rows, of a base's norm or a copy's.
  func rmsNorm(_ x: Tensor, _ weight: NormWeight, epsilon: Float) -> Tensor {
    rmsNorm(x, weight: weight.vector, epsilon: epsilon, trained: weight.trained)
  }
}
