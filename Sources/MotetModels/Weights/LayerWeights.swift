import Crypto
import MotetTensor

/// Sites that share an input are held and multiplied as one matrix, their outputs side by side.
public struct SiteGroup: Sendable {
  public let matrix: FrozenMatrix
  /// Each site with its place in ``BaseModel/sites`` and its output columns.
  let members: [(index: Int, columns: Range<Int>)]
  /// What is added to the product, `[outputs]`.
  var bias: BiasWeight?
  /// What `matrix` was packed from, in a copy under training.
  var trained: Parameter?
}

/// What a linear layer adds.
struct BiasWeight: Sendable {
  let vector: FrozenVector
  /// What it was taken from, `[1, outputs]`, in a copy under training.
  var trained: Parameter?
}

/// The weights of a norm.
struct NormWeight: Sendable {
  let block: NormBlock
  /// With the norm's offset.
  let vector: FrozenVector
  let bias: FrozenVector?
  /// What they were taken from, `[1, width]` each, in a copy under training.
  var trained: Parameter?
  var trainedBias: Parameter?

  /// - Parameter values: as a file holds them
  init(
    _ block: NormBlock, _ values: [Float], bias: [Float]? = nil, trained: Parameter? = nil,
    trainedBias: Parameter? = nil
  ) {
    self.block = block
    vector = FrozenVector(block.offset == 0 ? values : values.map { $0 + block.offset })
    self.bias = bias.map(FrozenVector.init)
    self.trained = trained
    self.trainedBias = trainedBias
  }
}

extension NormWeight {
  func hash(into sha: inout SHA256) {
    vector.hash(into: &sha)
    bias?.hash(into: &sha)
  }
}

/// The weights of attention, or of the feed-forward block, in a layer.
struct Sublayer: Sendable {
  var before: NormWeight?
  var after: NormWeight?
  var input: SiteGroup
  var output: SiteGroup

  var norms: [NormWeight] { [before, after].compactMap(\.self) }
}

/// The weights of one layer.
struct DecoderLayer: Sendable {
  let block: LayerBlock
  var attention: Sublayer
  var queryNorm: NormWeight?
  var keyNorm: NormWeight?
  var feedForward: Sublayer

  var groups: [SiteGroup] { [attention.input, attention.output, feedForward.input, feedForward.output] }
  var norms: [NormWeight] { attention.norms + [queryNorm, keyNorm].compactMap(\.self) + feedForward.norms }

  func mapGroups(_ change: (SiteGroup) throws -> SiteGroup) rethrows -> DecoderLayer {
    var layer = self
    layer.attention.input = try change(attention.input)
    layer.attention.output = try change(attention.output)
    layer.feedForward.input = try change(feedForward.input)
    layer.feedForward.output = try change(feedForward.output)
    return layer
  }

  func mapNorms(_ change: (NormWeight) throws -> NormWeight) rethrows -> DecoderLayer {
    var layer = self
    layer.attention.before = try attention.before.map(change)
    layer.queryNorm = try queryNorm.map(change)
    layer.keyNorm = try keyNorm.map(change)
    layer.attention.after = try attention.after.map(change)
    layer.feedForward.before = try feedForward.before.map(change)
    layer.feedForward.after = try feedForward.after.map(change)
    return layer
  }
}
