import MotetFormats
import MotetTensor

/// What a model is made of, said once: loading, checking, naming, fusing and computing all walk it.
///
/// A family's ``Architecture`` makes it of a `config.json`; a GGUF file's metadata is first translated into one.
public struct ModelDescription: Sendable {
  package let architecture: any Architecture.Type
  /// Of `config.json`: as it was read, or as it is written for a model that came without one.
  package let members: [String: JSONValue]
  /// What its users may not expect, a line each.
  public let notes: [String]
  public var configuration: ModelConfiguration
  public let embedding: EmbeddingBlock
  public let layers: [LayerBlock]
  public let finalNorm: NormBlock
  public let head: HeadBlock
  public let rotations: [RotaryRule]

  /// - Throws: ``FormatError`` for parts that do not fit one another
  package init(
    _ architecture: any Architecture.Type, _ fields: ConfigurationFields,
    configuration: ModelConfiguration, embedding: EmbeddingBlock, layers: [LayerBlock],
    finalNorm: NormBlock, head: HeadBlock, rotations: [RotaryRule]
  ) throws {
    self.architecture = architecture
    members = fields.members
    self.configuration = configuration
    if let positions = rotations.compactMap(\.positions).min(), positions < configuration.maximumPositions {
      self.configuration.maximumPositions = positions
      notes = [
        "\(fields.file): the context is \(positions) tokens; the rotation that the model has for longer texts, up to "
          + "\(configuration.maximumPositions), is not used"
      ]
    } else {
      notes = []
    }
    self.embedding = embedding
    // What is rotated of a head follows from the rotation.
    self.layers = layers.map { layer in
      var layer = layer
      let rotation = layer.attention.rotation.flatMap { rotations.indices.contains($0) ? rotations[$0] : nil }
      layer.attention.rule.rotated = rotation?.dimensions ?? 0
      return layer
    }
    self.finalNorm = finalNorm
    self.head = head
    self.rotations = rotations
    try validate(file: fields.file)
  }

  /// What all layers share of attention: pages and prefixes are laid out by it.
  public var attentionShape: AttentionShape { layers[0].attention.rule.shape }

  private func validate(file: String) throws {
    let shape = layers.first?.attention.rule.shape
    for layer in layers {
      let (attention, feedForward) = (layer.attention, layer.feedForward)
      let queries = attention.rule.shape.heads * attention.rule.shape.headDimension
      let width = feedForward.input.reduce(0) { $0 + $1.outputs } / (feedForward.isGated ? 2 : 1)
      let fits =
        attention.rule.shape == shape
        && attention.input.reduce(0) { $0 + $1.outputs } == attention.rule.shape.packedWidth
        && attention.output.inputs == queries && feedForward.output.inputs == width
        && attention.output.outputs == configuration.hiddenSize
        && feedForward.output.outputs == configuration.hiddenSize
        && layer.groups.allSatisfy { group in group.allSatisfy { $0.hasBias == group[0].hasBias } }
        && (attention.rotation.map(rotations.indices.contains) ?? true)
      guard fits else {
        throw FormatError.malformed(
          file: file, place: attention.output.module, problem: "the sizes of its layer do not fit",
          mend: "check that it belongs to the model you mean")
      }
    }
  }
}

/// How token ids become the residual stream.
public struct EmbeddingBlock: Sendable, Equatable {
  /// `model.embed_tokens`
  public let module: String
  /// What the embeddings are multiplied by.
  public var scale: Float = 1
  /// Whether learnt embeddings before a text are multiplied too.
  public var scalesPrompts = false
  /// The module of learnt positions that are added, and how many it has.
  public var positions: Positions?

  public struct Positions: Sendable, Equatable {
    public let module: String
    public let count: Int
  }

  public init(
    _ module: String, scale: Float = 1, scalesPrompts: Bool = false, positions: Positions? = nil
  ) {
    self.module = module
    self.scale = scale
    self.scalesPrompts = scalesPrompts
    self.positions = positions
  }
}

/// How the last states become scores of the vocabulary.
public struct HeadBlock: Sendable, Equatable {
  /// `lm_head`
  public let module: String
  /// What the scores are multiplied by.
  public var scale: Float = 1
  /// Scores become c·tanh(s/c).
  public var softcap: Float?

  public init(_ module: String, scale: Float = 1, softcap: Float? = nil) {
    self.module = module
    self.scale = scale
    self.softcap = softcap
  }
}
