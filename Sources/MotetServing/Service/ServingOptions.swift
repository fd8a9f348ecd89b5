import Metrics

/// How an engine serves.
public struct ServingOptions: Sendable {
  /// Sequences under way at one time.
  public var maximumRows = 64
  /// Requests that may wait; one more is refused with ``ServingError/queueFull(retryAfterSeconds:)``.
  public var maximumWaiting = 256
  /// Tokens of a pass, at most.
  public var tokensPerPass = 512
  /// Of these, tokens of prompts while answers are under way: what a long prompt adds to the time between their tokens.
  public var promptTokensBesideAnswers = 128
  /// Bytes of keys and values, all sequences and the prefixes kept of earlier ones together.
  public var cacheBytes = 1 << 30
  /// Bytes of adapters in memory.
  public var adapterMemory = 1 << 30
  /// Bytes of output formats: grammars of JSON schemas, and the masks of tokens that are kept for them.
  public var structureMemory = 128 << 20
  /// Whether what follows the last words elsewhere in the text is tried as the next tokens, where that pays.
  public var speculates = true
  /// Tokens that are tried at once.
  public var speculatedTokens = 6
  /// What the base is called; nil for its own name.
  public var baseName: String?
  /// Where metrics go; nil for the process's own. Asked anew for each request: the same labels have to give the same
  /// series, as they do in swift-metrics' backends.
  public var metrics: (any MetricsFactory)?

  public init() {}

  /// Bytes of ``adapterMemory`` for adapters as they stay; the rest is for what reading one takes meanwhile.
  var roomForAdapters: Int { adapterMemory - adapterMemory / 64 }
}
