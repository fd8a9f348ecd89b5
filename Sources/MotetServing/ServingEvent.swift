/// What comes of a request, in this order: begun once, pieces, ended once.
public enum ServingEvent: Sendable {
  /// It is under way, with these adapters and the tokens of its prompt that were read for an earlier one.
  case begun(mix: ServedMix, cachedTokens: Int)
  /// Whole characters, and the tokens behind them. What may be the beginning of a stop string is held back until it is
  /// known.
  case piece(text: String, tokens: [ServedToken])
  case ended(FinishReason, ServingUsage)
}

/// The adapters that answered, each at the version it had when the request began.
public struct ServedMix: Sendable, Equatable, CustomStringConvertible {
  public struct Term: Sendable, Equatable {
    public var name: String
    /// nil for one that has none: of a folder given at start or loaded at run time.
    public var version: Int?
    public var weight: Float

    public init(name: String, version: Int?, weight: Float) {
      self.name = name
      self.version = version
      self.weight = weight
    }
  }

  public var terms: [Term]

  public init(terms: [Term]) { self.terms = terms }

  /// `base`, `math@3`, `code=0.5+math@3=0.4`
  public var description: String {
    if terms.isEmpty { return "base" }
    return terms.map { term in
      let name = term.version.map { "\(term.name)@\($0)" } ?? term.name
      return terms.count == 1 && term.weight == 1 ? name : "\(name)=\(term.weight)"
    }.joined(separator: "+")
  }
}

/// A token of an answer, with its probability where the request asked for it.
public struct ServedToken: Sendable, Equatable {
  public var id: Int32
  /// In nats, of the model's own distribution before any penalty or filter.
  public var logprob: Float?
  /// The likeliest tokens in its place, likeliest first.
  public var alternatives: [Alternative]

  public struct Alternative: Sendable, Equatable {
    public var id: Int32
    public var logprob: Float

    public init(id: Int32, logprob: Float) {
      self.id = id
      self.logprob = logprob
    }
  }

  public init(id: Int32, logprob: Float? = nil, alternatives: [Alternative] = []) {
    self.id = id
    self.logprob = logprob
    self.alternatives = alternatives
  }
}

public enum FinishReason: String, Sendable, CaseIterable {
  /// The end of turn or a stop string came.
  case stop
  /// As many tokens as were asked for, or as the context holds.
  case length
  /// The client went away.
  case cancelled
}

/// What a request took, and what ended it.
public struct ServingUsage: Sendable, Equatable {
  public var promptTokens: Int
  public var completionTokens: Int
  /// Tokens of the prompt that were read for an earlier request.
  public var cachedTokens: Int
  /// Seconds from submission to the first pass, to the first token, and to the end.
  public var queueSeconds: Double
  public var firstTokenSeconds: Double
  public var seconds: Double
  /// The stop string that ended it; nil for another end.
  public var stopString: String?

  public init(
    promptTokens: Int, completionTokens: Int, cachedTokens: Int = 0, queueSeconds: Double = 0,
    firstTokenSeconds: Double = 0, seconds: Double = 0, stopString: String? = nil
  ) {
    self.promptTokens = promptTokens
    self.completionTokens = completionTokens
    self.cachedTokens = cachedTokens
    self.queueSeconds = queueSeconds
    self.firstTokenSeconds = firstTokenSeconds
    self.seconds = seconds
    self.stopString = stopString
  }
}
