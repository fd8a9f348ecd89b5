import Crypto
import Foundation
import MotetFormats
import MotetTensor
import MotetTokenizers

/// A frozen base model, with its tokenizer and chat template.
///
///     let base = try await BaseModel.load("smollm2-135m-instruct")
///     for try await piece in base.generate("What is 3/4 of 12?") { print(piece, terminator: "") }
///
/// Every pass takes rows that carry mixes. There is one forward path: training, scoring, routing and generating
/// differ in the rows they give it and in whether the tape records.
@Compute
public final class BaseModel {
  public nonisolated let name: String
  /// What the model is made of.
  public nonisolated let model: ModelDescription
  public nonisolated var configuration: ModelConfiguration { model.configuration }
  public nonisolated let precision: Precision
  /// What low-rank factors are held in to answer with; nil for the values as they were trained.
  public nonisolated let adapterForm: LowRankFactors.Form?
  public nonisolated let tokenizer: Tokenizer
  /// nil for a base that has none: it goes on with plain text.
  public nonisolated let template: ChatTemplate?
  public nonisolated let identity: BaseIdentity
  /// The matrices that adapters can add to, in order of layers.
  public nonisolated let sites: [AdapterSite]
  /// Ids that stand for no token, and are never generated.
  public nonisolated let silentTokens: [Int32]
  /// Where the weights were read from, for ``fuse``.
  public nonisolated let source: any ModelSource

  let weights: ModelWeights
  private var rotations: RotaryTables
  /// By site, of those that were asked for: see ``squaredRowNorms(at:)``.
  var rowNorms: [Int: [Float]] = [:]

  init(
    name: String, precision: Precision, adapterForm: LowRankFactors.Form?, tokenizer: Tokenizer,
    template: ChatTemplate?, source: any ModelSource, parts: Parts
  ) {
    self.name = name
    model = source.model
    self.precision = precision
    self.adapterForm = adapterForm
    self.tokenizer = tokenizer
    silentTokens = Self.silentTokens(tokenizer, source.configuration)
    self.template = template
    self.source = source
    identity = parts.identity
    sites = parts.sites
    weights = parts.weights
    rotations = RotaryTables(source.model)
  }

  /// What loading puts together.
  struct Parts {
    let identity: BaseIdentity
    let sites: [AdapterSite]
    let weights: ModelWeights
  }

  var layers: [DecoderLayer] { weights.layers }
  private var tables: TokenTables { weights.tables }

  // MARK: The forward path

  /// A tape whose activations are in the format that the base's matrices take them in.
  /// - Parameter checkpointsActivations: keeps each layer's input alone and runs the layer again on the way back: less
  ///   memory, about a third more work
  public func tape(recording: Bool, checkpointsActivations: Bool = false) -> Tape {
    let tape = Tape(recording: recording, storage: precision == .f32 ? .f32 : .bf16)
    tape.checkpointsLayers = checkpointsActivations
    return tape
  }

  /// Memory for the keys and values of sequences that this base continues.
  /// - Parameters:
  ///   - budget: bytes at most; nil for as many as are asked for
  ///   - storage: nil takes what activations are in
  public func keyValuePool(budget: Int? = nil, storage: ActivationStorage? = nil) -> KeyValuePool {
    KeyValuePool(
      layers: configuration.layers, shape: model.attentionShape,
      storage: storage ?? (precision == .f32 ? .f32 : .bf16), budget: budget)
  }

  /// The residual stream after the last layer, before the final norm.
  /// - Parameters:
  ///   - rows: packed end to end; rows of one mix that stand together make one segment
  ///   - depth: stops after so many layers; nil goes through all
  /// - Returns: `[tokens, hidden]`, without the virtual tokens that mixes put before sequences
  public func hiddenStates(
    _ rows: [BatchRow], on tape: Tape, depth: Int? = nil
  ) throws -> Tensor {
    let runs = WeightRun.split(rows)
    if runs.count <= 1 { return try states(rows, through: weights(of: runs.first), on: tape, depth: depth) }
    precondition(!tape.isRecording, "rows of several copies go back through losses(_:labels:teachers:on:)")
    let all = Tensor(
      rows: runs.reduce(0) { $0 + $1.tokens.count }, columns: configuration.hiddenSize)
    for run in runs {
      let part = try states(Array(rows[run.rows]), through: weights(of: run), on: tape, depth: depth)
      all.row(run.tokens.lowerBound).update(from: part.converted(to: .f32).data, count: part.count)
    }
    return all
  }

  /// The base's own, or those of the copy that rows carry.
  private func weights(of run: WeightRun?) -> ModelWeights { run?.copy?.weights ?? weights }

  /// Rows that all go through the same weights.
  private func states(
    _ rows: [BatchRow], through weights: ModelWeights, on tape: Tape, depth: Int? = nil
  ) throws -> Tensor {
    let batch = PackedBatch(rows)
    let tables = try rotations.tables(reach: batch.reach)
    let x = try through(
      weights, batch, weights.tables.embed(batch, model, on: tape), tables,
      depth: min(depth ?? .max, weights.layers.count), on: tape)
    for sequence in batch.sequences { sequence.cache?.advance(to: sequence.start + sequence.rows.count) }
    return batch.virtual.withoutPrompts(x, on: tape)
  }

  /// The residual stream after so many layers.
  private func through(
    _ weights: ModelWeights, _ batch: PackedBatch, _ x: Tensor, _ tables: [RotaryTable], depth: Int,
    on tape: Tape
  ) throws -> Tensor {
    if let whole = weights.whole, let y = whole.forward(x, batch, depth: depth, tables: tables, on: tape) {
      return y
    }
    let pass = LayerPass(batch, tables: tables)
    var x = x
    for (index, layer) in weights.layers.prefix(depth).enumerated() {
      x =
        tape.checkpointsLayers
        ? try tape.checkpointed(x) { try pass.run(layer, index, $0, on: $1) }
        : try pass.run(layer, index, x, on: tape)
    }
    return x
  }

  /// The loss at labelled positions.
  /// - Parameters:
  ///   - labels: for each label the packed position that predicts, the token it should predict, and what its
  ///     loss counts in the differentiated sum
  ///   - teachers: what some of the labels learn from other models
  /// - Returns: the loss of each label in nats
  public func losses(
    _ rows: [BatchRow], labels: [Label], teachers: [HeadTeacher] = [], on tape: Tape
  ) throws -> [Float] {
    var losses = [Float](repeating: 0, count: labels.count)
    for part in try labelStates(rows, at: labels.map(\.position), on: tape) {
      let own = part.places.map { labels[$0] }
      if !part.terms.isEmpty {
        guard !tape.isRecording, teachers.isEmpty else { throw ModelError.headUpdate }
        for (place, loss) in zip(part.places, try part.losses(own.map(\.token))) { losses[place] = loss }
        continue
      }
      let found = try tape.headLoss(
        part.states, head: part.weights.head, targets: own.map(\.token), scales: own.map(\.scale),
        trained: part.weights.trainedHead, teachers: part.teachers(among: teachers),
        softcap: model.head.softcap)
      for (place, loss) in zip(part.places, found) { losses[place] = loss }
    }
    return losses
  }

  /// What the head takes at chosen packed positions, by the weights that rows go through.
  func labelStates(
    _ rows: [BatchRow], at positions: [Int], on tape: Tape
  ) throws -> [LabelStates] {
    let runs = WeightRun.split(rows)
    return try runs.map { run in
      let places = positions.indices.filter { runs.count == 1 || run.tokens.contains(positions[$0]) }
      let weights = weights(of: run)
      let x = try states(Array(rows[run.rows]), through: weights, on: tape)
      let chosen = tape.gather(x, rows: places.map { positions[$0] - run.tokens.lowerBound })
      return LabelStates(
        states: finished(chosen, weights, on: tape), weights: weights, places: places,
        terms: headTerms(of: rows, at: places.map { positions[$0] }), softcap: model.head.softcap)
    }
  }

  /// What the head takes of the residual stream after the last layer.
  func finished(_ x: Tensor, _ weights: ModelWeights, on tape: Tape) -> Tensor {
    let states = tape.norm(x, weights.finalNorm)
    return model.head.scale == 1 ? states : tape.scaled(states, by: model.head.scale)
  }

  /// What this model, with the mixes of `rows`, teaches at chosen packed positions.
  /// - Parameters:
  ///   - places: of the student's labels, as many as positions
  ///   - temperature: divides the logits of both
  ///   - weight: the teacher's share of the loss
  public func teach(
    _ rows: [BatchRow], at positions: [Int], places: Range<Int>, temperature: Float, weight: Float
  ) throws -> HeadTeacher {
    let found = try labelStates(rows, at: positions, on: tape(recording: false))
    precondition(found.count == 1, "a teacher is one mix")
    guard found[0].terms.isEmpty else { throw ModelError.headUpdate }
    return HeadTeacher(
      rows: places, states: found[0].states, head: found[0].weights.head, temperature: temperature,
      weight: weight, softcap: model.head.softcap)
  }

  /// Logits `[positions, vocabulary]` at chosen packed positions.
  public func logits(_ rows: [BatchRow], at positions: [Int], on tape: Tape) throws -> Tensor {
    let parts = try labelStates(rows, at: positions, on: tape)
    if let only = parts.first, parts.count == 1 {
      return try only.logits(on: tape)
    }
    let all = Tensor(rows: positions.count, columns: configuration.vocabulary)
    for part in parts {
      let found = try part.logits(on: tape)
      for (row, place) in part.places.enumerated() {
        all.row(place).update(from: found.row(row), count: found.columns)
      }
    }
    return all
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

  /// The embeddings of tokens, `[tokens, hidden]`: what a soft prompt can begin with.
  public func embeddings(of tokens: [Int32]) -> [Float] {
    let values = tables.embedding.lookUp(tokens).values
    let block = model.embedding
    return block.scale == 1 || block.scalesPrompts ? values : values.map { $0 * block.scale }
  }

  /// Every layer's keys, after rotation, and values for tokens that begin a sequence: what a prefix can begin with.
  /// - Returns: by layer, `[tokens, kvWidth]` each
  /// - Throws: ``ModelError/tooLong(tokens:context:)``
  public func keysAndValues(of tokens: [Int32]) throws -> [(keys: [Float], values: [Float])] {
    let cache = KeyValueCache(in: keyValuePool(storage: .f32))
    _ = try hiddenStates([BatchRow(tokens: tokens, mix: .base, cache: cache)], on: Tape(recording: false))
    return layers.indices.map { cache.rows(ofLayer: $0, count: cache.length) }
  }

  // MARK: What is frozen

  /// SHA-256 over every frozen byte as it lies in memory, in hexadecimal: equal before and after anything we do.
  public func fingerprint() -> String {
    var sha = SHA256()
    tables.embedding.hash(into: &sha)
    tables.positions?.hash(into: &sha)
    for layer in layers {
      for norm in layer.norms { norm.hash(into: &sha) }
      for group in layer.groups {
        group.matrix.hash(into: &sha)
        group.bias?.vector.hash(into: &sha)
      }
    }
    weights.finalNorm.hash(into: &sha)
    weights.head.hash(into: &sha)
    return sha.finalize().map { String(format: "%02x", $0) }.joined()
  }

  /// Gives back what only backward passes need, about half of the frozen bytes; the next one packs it again.
  public func releaseBackward() {
    for layer in layers { for group in layer.groups { group.matrix.releaseBackward() } }
    weights.head.releaseBackward()
  }

  /// Bytes of frozen weights in memory.
  public var byteCount: Int {
    tables.embedding.byteCount + weights.head.byteCount
      + layers.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.matrix.byteCount } }
  }

  /// The number of frozen values, counting a tied head once.
  public nonisolated var parameterCount: Int { model.tensors.reduce(0) { $0 + $1.count } }

  /// The place of each site by its path.
  public nonisolated var siteIndex: [String: Int] {
    Dictionary(uniqueKeysWithValues: sites.enumerated().map { ($1.path, $0) })
  }
}
