/// How much of a thing one request may ask for or send.
public struct ServerLimits: Sendable, Equatable {
  public var bodyBytes = 8_000_000
  /// Objects and lists in a body.
  public var bodyContainers = 100_000
  /// Bodies up to so many bytes are always read; of longer ones so many are read at one time, and so many of one key, or
  /// where there are no keys of one address: who is slow to send them leaves places for others.
  public var smallBodyBytes = 64 << 10
  public var largeBodies = 16
  public var largeBodiesOfClient = 8
  /// Tokens of a prompt; nil: as many as the context holds.
  public var promptTokens: Int?
  /// Tokens of an answer; nil: as many as the context holds.
  public var answerTokens: Int?
  /// Stop strings of a request, and the characters of each.
  public var stopStrings = 64
  public var stopCharacters = 1_000
  /// Bytes of what names a model or a mix, and terms of a mix.
  public var modelBytes = 4_096
  public var mixTerms = 32
  /// Messages of a conversation, and parts of the content of one.
  public var messages = 4_096
  public var contentParts = 1_024
  /// Tokens that a request biases.
  public var biases = 1_024
  /// Bytes of `cache_salt`, and of the path of an adapter's folder.
  public var saltBytes = 1_024
  public var pathBytes = 4_096
  /// Tokens that are turned into text by one request.
  public var detokenizedTokens = 131_072
  /// Answers to one prompt, and prompts of one request.
  public var choices = 16
  public var prompts = 256
  /// Texts of an embeddings request.
  public var inputs = 2_048
  /// Connections that are open at one time, and those of one address.
  public var connections = 1_024
  public var connectionsOfAddress = 512
  /// Seconds for a request's head and between its parts, for its body, for reading it and turning its texts into tokens,
  /// and for all of it with the answer.
  public var headSeconds = 30.0
  public var bodySeconds = 60.0
  public var preparationSeconds = 20.0
  public var requestSeconds = 600.0
  /// Answers that feedback can still be given to.
  public var rememberedAnswers = 10_000

  public init() {}
}
