import MotetAdapters

/// One prompt to be continued, as the engine takes it.
public struct ServingRequest: Sendable {
  /// What logs and answers call it.
  public var id: String
  /// Tokens, the template's among them.
  public var prompt: [Int32]
  /// Adapters by name; folders are refused, so that no request reaches outside what the server was started with.
  public var mix: MixSpecification
  public var maximumTokens: Int
  public var sampling: ServingSampling
  /// Texts that end the answer, which leaves them out.
  public var stopStrings: [String]
  /// Goes on past the end-of-turn token, for measuring.
  public var ignoresEnd: Bool
  /// How many of the likeliest tokens are told beside each one: 0 tells the token's own probability alone, nil none.
  public var logprobs: Int?
  public var format: OutputFormat
  /// Sends the answer as one piece when it is done: nobody is woken for each token.
  public var comesWhole: Bool
  /// What a request is read for an earlier one's sake is told to its sender, and is felt in its time: so only requests of
  /// equal salts share the beginnings of their prompts.
  public var cacheSalt: [String]
  /// The adapters that its sender may use. Others are not there, nor adapters of names within it that stand on others.
  public var scope = AdapterScope.all
  /// Who asks, such as the name of an API key: places and passes are shared among clients. nil counts as one client.
  public var client: String? = nil
  /// The client's share beside the shares of others: twice the weight, twice the share.
  public var clientWeight: Double = 1
  /// What all answers to one call of a client have in common, so that they do not hold up the client's other calls; nil
  /// for a request that is alone.
  public var group: String? = nil

  public init(
    id: String, prompt: [Int32], mix: MixSpecification = .base, maximumTokens: Int = 256,
    sampling: ServingSampling = ServingSampling(), stopStrings: [String] = [], ignoresEnd: Bool = false,
    logprobs: Int? = nil, format: OutputFormat = .text, comesWhole: Bool = false, cacheSalt: [String] = []
  ) {
    self.id = id
    self.prompt = prompt
    self.mix = mix
    self.maximumTokens = maximumTokens
    self.sampling = sampling
    self.stopStrings = stopStrings
    self.ignoresEnd = ignoresEnd
    self.logprobs = logprobs
    self.format = format
    self.comesWhole = comesWhole
    self.cacheSalt = cacheSalt
  }
}

/// How the tokens of an answer are drawn.
public struct ServingSampling: Sendable, Equatable {
  /// 0 takes the likeliest token.
  public var temperature: Float = 1
  /// Only the k likeliest; 0 for all.
  public var topK = 0
  /// Only the likeliest that together reach this probability; 1 for all.
  public var topP: Float = 1
  /// Only tokens at least this likely beside the likeliest; 0 for all.
  public var minP: Float = 0
  /// Divides positive and multiplies negative logits of tokens that prompt or answer have (Keskar et al. 2019,
  /// arXiv 1909.05858); 1 for none.
  public var repetitionPenalty: Float = 1
  /// Subtracted from the logit of every token that the answer has.
  public var presencePenalty: Float = 0
  /// Subtracted for each time that the answer has a token.
  public var frequencyPenalty: Float = 0
  /// Added to the logits of tokens.
  public var logitBias: [Int32: Float] = [:]
  /// nil draws one.
  public var seed: UInt64?

  public init() {}
}

/// What an answer has to be.
public enum OutputFormat: Sendable, Hashable {
  case text
  /// Any JSON object.
  case json
  /// JSON that a schema accepts: the schema's own text.
  case schema(String)
}
