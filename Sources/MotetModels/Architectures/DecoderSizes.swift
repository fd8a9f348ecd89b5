import MotetFormats
import MotetTensor

/// The sizes that most families of decoders have, by the names that most of them use, and the blocks that follow.
struct DecoderSizes {
  let hidden: Int
  /// Width inside the feed-forward block.
  let intermediate: Int
  let layers: Int
  let heads: Int
  /// Key and value heads; `heads` is a multiple of it.
  let kvHeads: Int
  let headDimension: Int
  let vocabulary: Int
  let positions: Int
  let epsilon: Double

  /// - Parameters:
  ///   - epsilon: of the norms, where the file names none
  ///   - positions: of the context, where the file names none
  /// - Throws: `FormatError` naming the member, or the part that cannot be
  init(_ fields: ConfigurationFields, epsilon: Double = 1e-6, positions: Int = 2048) throws {
    hidden = try fields.int("hidden_size")
    intermediate = try fields.int("intermediate_size")
    layers = try fields.int("num_hidden_layers")
    heads = try fields.int("num_attention_heads")
    kvHeads = try fields.int("num_key_value_heads", or: heads)
    headDimension = try fields.int("head_dim", or: Self.headDimension(hidden, heads, fields))
    vocabulary = try fields.int("vocab_size")
    self.positions = try fields.int("max_position_embeddings", or: positions)
    self.epsilon = try fields.double("rms_norm_eps", or: epsilon)
    try validate(file: fields.file)
  }

  private static func headDimension(
    _ hidden: Int, _ heads: Int, _ fields: ConfigurationFields
  ) throws -> Int {
    guard heads > 0, hidden % heads == 0 else {
      throw fields.malformed("hidden_size", "\(hidden) is not a multiple of \(heads) heads")
    }
    return hidden / heads
  }

  private func validate(file: String) throws {
    func require(_ holds: Bool, _ place: String, _ problem: String) throws {
      guard holds else {
        throw FormatError.malformed(
          file: file, place: place, problem: problem, mend: "check that it belongs to the model you mean")
      }
    }
    let sizes: [(String, Int, Int)] = [
      ("hidden size", hidden, 1 << 17), ("intermediate size", intermediate, 1 << 20),
      ("number of layers", layers, 4096), ("number of heads", heads, 4096),
      ("number of key/value heads", kvHeads, 4096), ("head dimension", headDimension, 4096),
      ("vocabulary", vocabulary, 1 << 24), ("number of positions", positions, 1 << 30),
    ]
    for (name, value, limit) in sizes {
      try require((1...limit).contains(value), name, "\(value) is not within 1 to \(limit)")
    }
    try require(
      heads % kvHeads == 0, "number of heads",
      "\(heads) is not a multiple of the \(kvHeads) key/value heads")
    try require(headDimension % 2 == 0, "head dimension", "\(headDimension) is odd, rotation needs pairs")
    try require(
      epsilon >= 0 && epsilon < 1, "RMSNorm epsilon", "\(epsilon) is not within 0 to 1")
  }
}

// MARK: Blocks

extension DecoderSizes {
  var shape: AttentionShape {
    AttentionShape(heads: heads, kvHeads: kvHeads, headDimension: headDimension)
  }

  func configuration(
    _ fields: ConfigurationFields, tied: Bool = false
  ) throws -> ModelConfiguration {
    try ModelConfiguration(
      fields, hiddenSize: hidden, layers: layers, vocabulary: vocabulary, maximumPositions: positions,
      tieWordEmbeddings: try fields.bool("tie_word_embeddings", or: tied))
  }

  /// An RMSNorm of the residual stream.
  func norm(_ module: String, offset: Float = 0) -> NormBlock {
    NormBlock(module, width: hidden, epsilon: epsilon, offset: offset)
  }

  /// `q_proj`, `k_proj`, `v_proj` and `o_proj` below `module`.
  func attention(
    _ module: String, before: NormBlock?, after: NormBlock? = nil, bias: Bool = false,
    outputBias: Bool = false, queryNorm: NormBlock? = nil, keyNorm: NormBlock? = nil,
    rule: AttentionRule? = nil, rotation: Int? = 0
  ) -> AttentionBlock {
    let (queries, keys) = (heads * headDimension, kvHeads * headDimension)
    func linear(_ name: String, _ kind: LinearBlock.Kind, _ outputs: Int) -> LinearBlock {
      LinearBlock("\(module).\(name)", kind, outputs: outputs, inputs: hidden, hasBias: bias)
    }
    return AttentionBlock(
      before: before, after: after,
      input: [
        linear("q_proj", .query, queries), linear("k_proj", .key, keys), linear("v_proj", .value, keys),
      ],
      output: LinearBlock(
        "\(module).o_proj", .attentionOutput, outputs: hidden, inputs: queries, hasBias: outputBias),
      queryNorm: queryNorm, keyNorm: keyNorm, rule: rule ?? AttentionRule(shape), rotation: rotation)
  }

  /// `gate_proj`, `up_proj` and `down_proj` below `module`.
  func gatedFeedForward(
    _ module: String, before: NormBlock?, after: NormBlock? = nil, activation: Activation = .silu,
    bias: Bool = false
  ) -> FeedForwardBlock {
    func linear(_ name: String, _ kind: LinearBlock.Kind) -> LinearBlock {
      LinearBlock("\(module).\(name)", kind, outputs: intermediate, inputs: hidden, hasBias: bias)
    }
    return FeedForwardBlock(
      before: before, after: after, input: [linear("gate_proj", .gate), linear("up_proj", .up)],
      output: LinearBlock(
        "\(module).down_proj", .down, outputs: hidden, inputs: intermediate, hasBias: bias),
      activation: activation, isGated: true)
  }
}
