import MotetTensor

/// What a decoder layer is made of: attention, then the feed-forward block, each added to the residual stream.
///
///     x += scale · after(output(attention(input(before(x)))))
///     x += scale · after(output(activation(input(before(x)))))
public struct LayerBlock: Sendable, Equatable {
  public var attention: AttentionBlock
  public var feedForward: FeedForwardBlock
  /// What a sublayer's result is multiplied by before it is added.
  public var residualScale: Float = 1

  public init(attention: AttentionBlock, feedForward: FeedForwardBlock, residualScale: Float = 1) {
    self.attention = attention
    self.feedForward = feedForward
    self.residualScale = residualScale
  }
}

public struct AttentionBlock: Sendable, Equatable {
  /// Of the residual stream, before the products; nil where the sublayer takes it as it is.
  public var before: NormBlock?
  /// Of the sublayer's result, before it is added.
  public var after: NormBlock?
  /// The layers that give queries, keys and values, in this order, side by side.
  public var input: [LinearBlock]
  public var output: LinearBlock
  /// Of each head of queries where its width is a head's, or of all of them.
  public var queryNorm: NormBlock?
  public var keyNorm: NormBlock?
  public var rule: AttentionRule
  /// Which of the model's ``ModelDescription/rotations`` turns queries and keys; nil for none.
  public var rotation: Int?

  public init(
    before: NormBlock?, after: NormBlock? = nil, input: [LinearBlock], output: LinearBlock,
    queryNorm: NormBlock? = nil, keyNorm: NormBlock? = nil, rule: AttentionRule, rotation: Int?
  ) {
    self.before = before
    self.after = after
    self.input = input
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.rule = rule
    self.rotation = rotation
  }
}

public struct FeedForwardBlock: Sendable, Equatable {
  public var before: NormBlock?
  public var after: NormBlock?
  /// The gate and the values that it gates, side by side, or one layer.
  public var input: [LinearBlock]
  public var output: LinearBlock
  public var activation: Activation
  public var isGated: Bool

  public init(
    before: NormBlock?, after: NormBlock? = nil, input: [LinearBlock], output: LinearBlock,
    activation: Activation, isGated: Bool
  ) {
    self.before = before
    self.after = after
    self.input = input
    self.output = output
    self.activation = activation
    self.isGated = isGated
  }
}

extension LayerBlock {
  /// The linear layers in the order of the model, those that share an input together.
  public var groups: [[LinearBlock]] {
    [attention.input, [attention.output], feedForward.input, [feedForward.output]]
  }
}
