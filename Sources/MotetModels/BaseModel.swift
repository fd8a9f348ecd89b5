import Crypto
import Foundation
import MotetFormats
import MotetTensor
import MotetTokenizers

/// A frozen base model of the Llama family, with its tokenizer and chat template.
///
///     let base = try await BaseModel.load("smollm2-135m-instruct")
///     for try await piece in base.generate("What is 3/4 of 12?") { print(piece, terminator: "") }
///
/// Every pass takes rows that carry mixes. There is one forward path: training, scoring, routing and generating
/// differ in the rows they give it and in whether the tape records.
@Compute
public final class BaseModel {
  public nonisolated let name: String
  public nonisolated let configuration: ModelConfiguration
  public nonisolated let precision: Precision
  public nonisolated let tokenizer: Tokenizer
  public nonisolated let template: ChatTemplate
  public nonisolated let identity: BaseIdentity
  /// The matrices that adapters can add to, in order of layers.
  public nonisolated let sites: [AdapterSite]
  /// Where the weights were read from, for ``fuse``.
  public nonisolated let source: any ModelSource

  let embedding: FrozenTable
  let layers: [DecoderLayer]
  let finalNorm: FrozenVector
  let head: FrozenMatrix
  private var table: RotaryTable
  private var tablePositions: Int
  /// By site, of those that were asked for: see ``squaredRowNorms(at:)``.
  var rowNorms: [Int: [Float]] = [:]

  init(
    name: String, precision: Precision, tokenizer: Tokenizer, template: ChatTemplate, source: any ModelSource,
    parts: Parts
  ) {
    self.name = name
    configuration = source.configuration
    self.precision = precision
    self.tokenizer = tokenizer
    self.template = template
    self.source = source
    identity = parts.identity
    sites = parts.sites
    embedding = parts.embedding
    layers = parts.layers
    finalNorm = parts.finalNorm
    head = parts.head
    tablePositions = min(2048, configuration.maximumPositions)
    table = Self.rotaryTable(configuration, positions: tablePositions)
  }

  /// What loading puts together.
  struct Parts {
    let identity: BaseIdentity
    let sites: [AdapterSite]
    let embedding: FrozenTable
    let layers: [DecoderLayer]
    let finalNorm: FrozenVector
    let head: FrozenMatrix
  }

  // MARK: The forward path

  /// A tape whose activations are in the format that the base's matrices take them in.
  /// - Parameter checkpointsActivations: keeps each layer's input alone and runs the layer again on the way back: less
  ///   memory, about a third more work
  public func tape(recording: Bool, checkpointsActivations: Bool = false) -> Tape {
    let tape = Tape(recording: recording, storage: precision == .f32 ? .f32 : .bf16)
    tape.checkpointsLayers = checkpointsActivations
    return tape
  }

  /// The residual stream after the last layer, before the final norm.
  /// - Parameters:
  ///   - rows: packed end to end; rows of one mix that stand together make one segment
  ///   - depth: stops after so many layers; nil goes through all
  /// - Returns: `[tokens, hidden]`
  public func hiddenStates(
    _ rows: [BatchRow], on tape: Tape, depth: Int? = nil
  ) throws -> Tensor {
    let batch = PackedBatch(rows)
    let reach = rows.map { $0.start + $0.tokens.count }.max() ?? 0
    try prepareTable(for: reach)
    let pass = LayerPass(batch, configuration: configuration, table: table)
    var x = embedding.lookUp(batch.tokens)
    for index in layers.indices.prefix(depth ?? layers.count) {
      let layer = layers[index]
      x =
        tape.checkpointsLayers
        ? try tape.checkpointed(x) { try pass.run(layer, index, $0, on: $1) }
        : try pass.run(layer, index, x, on: tape)
    }
    for row in rows { row.cache?.advance(to: row.start + row.tokens.count) }
    return x
  }

  /// The loss at labelled positions.
  /// - Parameters:
  ///   - labels: for each label the packed position that predicts, the token it should predict, and what its
  ///     loss counts in the differentiated sum
  /// - Returns: the loss of each label in nats
  public func losses(
    _ rows: [BatchRow], labels: [Label], on tape: Tape
  ) throws -> [Float] {
    let x = try hiddenStates(rows, on: tape)
    let h = tape.rmsNorm(
      tape.gather(x, rows: labels.map(\.position)), weight: finalNorm,
      epsilon: Float(configuration.rmsNormEpsilon))
    return try tape.headLoss(h, head: head, targets: labels.map(\.token), scales: labels.map(\.scale))
  }

  /// Logits `[positions, vocabulary]` at chosen packed positions.
  public func logits(_ rows: [BatchRow], at positions: [Int], on tape: Tape) throws -> Tensor {
    let x = try hiddenStates(rows, on: tape)
    let h = tape.rmsNorm(
      tape.gather(x, rows: positions), weight: finalNorm, epsilon: Float(configuration.rmsNormEpsilon))
    return try tape.logits(h, head: head)
  }

  public struct Label: Sendable {
    public var position: Int
    public var token: Int32
    public var scale: Float

    public init(position: Int, token: Int32, scale: Float) {
      self.position = position
      self.token = token
      self.scale = scale
    }
  }

  // MARK: What is frozen

  /// SHA-256 over every frozen byte as it lies in memory, in hexadecimal: equal before and after anything we do.
  public func fingerprint() -> String {
    var sha = SHA256()
    embedding.hash(into: &sha)
    for layer in layers {
      layer.attentionNorm.hash(into: &sha)
      layer.feedForwardNorm.hash(into: &sha)
      for group in layer.groups { group.matrix.hash(into: &sha) }
    }
    finalNorm.hash(into: &sha)
    head.hash(into: &sha)
    return sha.finalize().map { String(format: "%02x", $0) }.joined()
  }

  /// Gives back what only backward passes need, about half of the frozen bytes; the next one packs it again.
  public func releaseBackward() {
    for layer in layers { for group in layer.groups { group.matrix.releaseBackward() } }
    head.releaseBackward()
  }

  /// Bytes of frozen weights in memory.
  public var byteCount: Int {
    embedding.byteCount + head.byteCount
      + layers.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.matrix.byteCount } }
  }

  /// The number of frozen values, counting a tied head once.
  public nonisolated var parameterCount: Int {
    let c = configuration
    let vectors = (2 * c.layers + 1) * c.hiddenSize
    let tables = c.vocabulary * c.hiddenSize * (c.tieWordEmbeddings ? 1 : 2)
    return sites.reduce(0) { $0 + $1.inputs * $1.outputs } + vectors + tables
  }

  /// The place of each site by its path.
  public nonisolated var siteIndex: [String: Int] {
    Dictionary(uniqueKeysWithValues: sites.enumerated().map { ($1.path, $0) })
  }

  private func prepareTable(for positions: Int) throws {
    guard positions <= configuration.maximumPositions else {
      throw ModelError.tooLong(tokens: positions, context: configuration.maximumPositions)
    }
    guard positions > tablePositions else { return }
    tablePositions = min(max(positions, tablePositions * 2), configuration.maximumPositions)
    table = Self.rotaryTable(configuration, positions: tablePositions)
  }

  static func rotaryTable(_ configuration: ModelConfiguration, positions: Int) -> RotaryTable {
    RotaryTable(
      positions: positions, headDimension: configuration.headDimension, theta: configuration.ropeTheta)
  }
}
