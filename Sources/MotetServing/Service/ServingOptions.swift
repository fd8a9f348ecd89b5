import Metrics

/// How an engine serves.
public struct ServingOptions: Sendable {
  /// Sequences under way at one time.
  public var maximumRows = 64
  /// Requests of one client that may wait; one more is refused with ``ServingError/queueFull(retryAfterSeconds:)``. All
  /// clients together may have four times as many waiting, and a sixteenth of this is always there for each client.
  public var maximumWaiting = 256
  /// Tokens of a pass, at most.
  public var tokensPerPass = 512
  /// Of these, tokens of prompts while answers are under way: what a long prompt adds to the time between their tokens.
  public var promptTokensBesideAnswers = 128
  /// By how much a pass may take longer for a client with a token in it because of other clients' tokens. A larger pass
  /// has more of them only as far as every client has as many for its weight.
  public var sharedPassStretch = 1.5
  /// Tokens of a pass, at least, while requests of several clients are under way; nil: as many as
  /// ``sharedPassStretch`` allows by the times of the passes so far.
  public var tokensPerSharedPass: Int?
  /// How many times as long as one of a single token a pass may take when one client has all of it and another was there
  /// less than ``briefSeconds`` ago: what a client that comes back waits until it has a part in a pass.
  public var briefPassStretch = 4.0
  public var briefSeconds = 3.0
  /// Seconds that a client without any place waits, when every client holds one place, until one of them makes way.
  public var turnSeconds = 1.0
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
