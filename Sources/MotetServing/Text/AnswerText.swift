import MotetTokenizers

/// Turns an answer's tokens into the pieces that are sent: whole characters, nothing of a stop string, and each token
/// with the text that it ends in.
struct AnswerText {
  /// What came of a token.
  struct Step {
    var text = ""
    var tokens: [ServedToken] = []
    /// The stop string that is complete, after which nothing comes.
    var stop: String?

    var isStopped: Bool { stop != nil }
    var isEmpty: Bool { text.isEmpty && tokens.isEmpty }
  }

  private var decoder: StreamingDecoder
  private let matcher: StopMatcher?
  private var state: Int32 = 0
  /// Bytes that came and were not sent: whole characters.
  private var held: [UInt8] = []
  /// How many bytes were sent.
  private var sent = 0
  /// Tokens that were not sent, each with the byte it begins and the one before which its text ends; no end while a
  /// character of it is not whole.
  private var waiting: [(token: ServedToken, start: Int, end: Int?)] = []

  init(_ tokenizer: Tokenizer, stops: StopMatcher?) {
    decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: true)
    matcher = stops
  }

  mutating func append(_ token: ServedToken) -> Step {
    let start = sent + held.count
    let text = decoder.append(token.id)
    waiting.append((token, start, nil))
    return take(text, isWhole: !decoder.isHolding)
  }

  /// What is still held at the end.
  mutating func finish() -> Step {
    var step = take(decoder.finish(), isWhole: true)
    guard !step.isStopped else { return step }
    let rest = flush(held.count, tokensThrough: .max)
    step.text += rest.text
    step.tokens += rest.tokens
    return step
  }

  private mutating func take(_ text: String, isWhole: Bool) -> Step {
    var stopLength = 0
    if let matcher {
      for byte in text.utf8 {
        held.append(byte)
        state = matcher.next(state, byte)
        stopLength = matcher.matched(state)
        if stopLength > 0 { break }
      }
    } else {
      held += Array(text.utf8)
    }
    if isWhole {
      let end = sent + held.count
      for index in waiting.indices where waiting[index].end == nil { waiting[index].end = end }
    }
    guard stopLength == 0 else {
      let end = sent + held.count - stopLength
      let stop = String(decoding: held.suffix(stopLength), as: UTF8.self)
      var step = flush(held.count - stopLength, tokensThrough: -1)
      step.tokens += waiting.filter { $0.start < end }.map(\.token)
      waiting = []
      held = []
      step.stop = stop
      return step
    }
    return flush(held.count - (matcher?.held(state) ?? 0), tokensThrough: nil)
  }

  /// Sends so many bytes, and the tokens whose text ends there or before.
  private mutating func flush(_ count: Int, tokensThrough limit: Int?) -> Step {
    let text = String(decoding: held.prefix(count), as: UTF8.self)
    held.removeFirst(count)
    sent += count
    let limit = limit ?? sent
    let whole = waiting.prefix { ($0.end ?? (limit == .max ? 0 : .max)) <= limit }
    waiting.removeFirst(whole.count)
    return Step(text: text, tokens: whole.map(\.token))
  }
}
