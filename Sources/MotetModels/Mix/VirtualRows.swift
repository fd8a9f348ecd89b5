import MotetTensor

/// The virtual tokens of a batch: where soft prompts stand among the embeddings, and prefixes among keys and values.
struct VirtualRows {
  /// A parameter whose rows come before a row of a batch.
  private struct Place {
    let before: Int
    let values: Parameter
  }
  /// Before which of the tokens.
  private var prompts: [Place] = []
  /// Before which of the rows in the layers.
  private var prefixes: [Place] = []

  var isEmpty: Bool { prompts.isEmpty && prefixes.isEmpty }

  /// What of a row's mix comes before its tokens: that of a sequence's beginning, and nothing for one that goes on.
  /// - Parameters:
  ///   - token: the tokens in the batch so far
  ///   - inLayers: the rows in the layers so far
  /// - Returns: how many rows come to those in the layers, and how many more to those that attention sees
  @Compute
  mutating func begin(_ row: BatchRow, at token: Int, inLayers: Int) -> (inLayers: Int, inAttention: Int) {
    guard row.start == 0 else { return (0, 0) }
    if let prompt = row.mix.prompt { prompts.append(Place(before: token, values: prompt)) }
    if let prefix = row.mix.prefix { prefixes.append(Place(before: inLayers, values: prefix)) }
    return (row.mix.prompt?.rows ?? 0, row.mix.prefix?.rows ?? 0)
  }

  /// The embeddings with those of soft prompts.
  @Compute
  func withPrompts(_ x: Tensor, on tape: Tape) -> Tensor {
    guard !prompts.isEmpty else { return x }
    return tape.inserting(
      prompts.map { RowInsertion(place: $0.before, values: $0.values, source: 0..<x.columns) }, into: x)
  }

  /// The rows of a layer without those of soft prompts.
  @Compute
  func withoutPrompts(_ x: Tensor, on tape: Tape) -> Tensor {
    prompts.isEmpty ? x : tape.dropping(gaps(prompts), from: x)
  }

  /// Queries, keys and values with a layer's part of prefixes, whose queries are 0.
  @Compute
  func withPrefixes(_ qkv: Tensor, shape: AttentionShape, layer: Int, on tape: Tape) -> Tensor {
    guard !prefixes.isEmpty else { return qkv }
    let queries = shape.heads * shape.headDimension
    let width = shape.packedWidth - queries
    return tape.inserting(
      prefixes.map {
        RowInsertion(
          place: $0.before, values: $0.values, source: layer * width..<(layer + 1) * width, column: queries)
      }, into: qkv)
  }

  /// What attention found, without the rows of prefixes.
  @Compute
  func withoutPrefixes(_ x: Tensor, on tape: Tape) -> Tensor {
    prefixes.isEmpty ? x : tape.dropping(gaps(prefixes), from: x)
  }

  private func gaps(_ places: [Place]) -> [Range<Int>] {
    var shift = 0
    return places.map { place in
      defer { shift += place.values.rows }
      return place.before + shift..<place.before + shift + place.values.rows
    }
  }
}
