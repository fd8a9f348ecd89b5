import MotetFormats
import MotetTensor

/// A batch on its way through the layers.
@Compute
struct LayerPass {
  let batch: PackedBatch
  let shape: AttentionShape
  let epsilon: Float
  let table: RotaryTable

  init(_ batch: PackedBatch, configuration c: ModelConfiguration, table: RotaryTable) {
    self.batch = batch
    self.table = table
    shape = AttentionShape(heads: c.heads, kvHeads: c.kvHeads, headDimension: c.headDimension)
    epsilon = Float(c.rmsNormEpsilon)
  }

  /// One decoder layer: `[tokens, hidden]` to the same.
  func run(_ layer: DecoderLayer, _ index: Int, _ x: Tensor, on tape: Tape) throws -> Tensor {
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
