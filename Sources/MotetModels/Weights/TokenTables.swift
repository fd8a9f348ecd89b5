import MotetTensor

/// The tables that token ids and positions are looked up in.
@Compute
struct TokenTables {
  var embedding: FrozenTable
  /// What the embedding was made from, in a copy under training.
  var trainedEmbedding: Parameter?
  /// Learnt positions, `[positions, hidden]`.
  var positions: FrozenTable?
  var trainedPositions: Parameter?

  /// The residual stream before the first layer, `[rows in the layers, hidden]`.
  func embed(_ batch: PackedBatch, _ model: ModelDescription, on tape: Tape) -> Tensor {
    let block = model.embedding
    var x = tape.embedded(
      batch.tokens, in: embedding, trained: trainedEmbedding, scale: block.scalesPrompts ? 1 : block.scale)
    x = batch.virtual.withPrompts(x, on: tape)
    if block.scale != 1, block.scalesPrompts { x = tape.scaled(x, by: block.scale) }
    guard let positions else { return x }
    return tape.sum(x, tape.embedded(batch.layerPositions, in: positions, trained: trainedPositions))
  }
}
