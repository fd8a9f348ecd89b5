import MotetTensor
import Synchronization

/// A request on its way: what it asked for, how far it is, and where its answer goes.
@Compute
final class ServedRow {
  enum Stage {
    /// In the queue, its adapters not asked for yet.
    case queued
    /// Its adapters are on their way.
    case preparing
    /// Its adapters are held; it waits for a place.
    case ready
    case running
    case ended
  }

  let request: ServingRequest
  let client: ServedClient
  /// A number for the call that the request belongs to, among the calls of its client.
  let call: Int
  /// Counted up by arrival: who came first goes first.
  var arrival: Int
  let submitted: ContinuousClock.Instant
  let output: AsyncThrowingStream<ServingEvent, any Error>.Continuation
  let left: ClientFlag
  /// What is read where vectors are asked for and no answer.
  let texts: TextReading?

  var stage = Stage.queued
  /// When it came into the queue, was given a place or was set aside, whichever was last.
  var since: ContinuousClock.Instant
  /// When it had a part in a pass last, counted up over all sequences.
  var lastTurn = 0
  /// Whether adapters that others hold left no room for its own.
  var lacksRoom = false
  /// Whether they ever did since it came: then room is kept for it once it has waited long enough.
  var wantsRoom = false
  /// Holds its adapters, which may have to be read; cancelled when the request ends before.
  var preparation: Task<Void, Never>?
  var mix: HeldMix?
  var metrics: [ServingMetrics.OfAdapter] = []
  /// Of the prompt and then of the answer.
  var tokens: [Int32]
  /// Tokens at the end that were only guessed.
  var guessed = 0
  /// How many have their keys and values in the cache.
  var computed = 0
  var cache: SequenceCache?
  var sampler: TokenSampler
  var text: AnswerText
  /// The stop string that ended the answer.
  var stopString: String?
  var structure: StructureCursor?
  /// Its last logits, while the tokens that its format allows are not known yet.
  var heldLogits: [Float]?
  var lookup: PromptLookup?
  /// What waits for the end of an answer that comes whole.
  private var unsent: (text: String, tokens: [ServedToken]) = ("", [])

  var cachedTokens = 0
  var began: ContinuousClock.Instant?
  var firstToken: ContinuousClock.Instant?
  var lastToken: ContinuousClock.Instant?

  init(
    _ request: ServingRequest, of client: ServedClient, call: Int, arrival: Int, text: AnswerText,
    structure: StructureCursor?,
    output: AsyncThrowingStream<ServingEvent, any Error>.Continuation, left: ClientFlag,
    texts: TextReading? = nil
  ) {
    self.request = request
    self.client = client
    self.call = call
    self.texts = texts
    self.arrival = arrival
    self.text = text
    self.structure = structure
    self.output = output
    self.left = left
    submitted = .now
    since = submitted
    tokens = request.prompt
    sampler = TokenSampler(request.sampling, prompt: request.prompt)
  }

  /// Sends a piece, or keeps it for the end.
  func send(_ text: String, _ tokens: [ServedToken]) {
    guard request.comesWhole else {
      output.yield(.piece(text: text, tokens: tokens))
      return
    }
    unsent.text += text
    unsent.tokens += tokens
  }

  /// Sends what was kept.
  func sendRest() {
    guard !unsent.tokens.isEmpty || !unsent.text.isEmpty else { return }
    output.yield(.piece(text: unsent.text, tokens: unsent.tokens))
    unsent = ("", [])
  }

  var produced: Int { tokens.count - guessed - request.prompt.count }
  var isReading: Bool { texts.map { !$0.isDone } ?? (computed < tokens.count - guessed - 1) }
  var pages: Int { cache?.cache.pages.count ?? 0 }
  var virtualTokens: Int { mix?.virtualTokens ?? 0 }
  /// Tokens whose keys and values are not there, or which are not read.
  var missing: Int { texts?.missing ?? (tokens.count - computed) }
  var promptTokens: Int { texts?.tokens ?? request.prompt.count }
  /// Positions that it has to hold at one time, before any answer.
  var reach: Int { virtualTokens + (texts?.longest ?? tokens.count) }

  /// Positions to have room for before a pass of so many of its tokens.
  func positions(after count: Int, isBesideAnswers: Bool) -> Int {
    guard let texts else { return virtualTokens + computed + count }
    guard let piece = texts.pieces(count, isBesideAnswers: isBesideAnswers).first, !piece.isWhole else {
      return 0
    }
    return virtualTokens + piece.tokens.upperBound
  }

  /// Forgets keys and values, which are made again when it comes back.
  func setAside() {
    tokens.removeLast(guessed)
    guessed = 0
    cache = nil
    heldLogits = nil
    computed = 0
    texts?.beginAgain()
    stage = .ready
    since = .now
  }

  func usage(at end: ContinuousClock.Instant) -> ServingUsage {
    func seconds(_ instant: ContinuousClock.Instant?) -> Double {
      instant.map { ($0 - submitted) / .seconds(1) } ?? 0
    }
    return ServingUsage(
      promptTokens: promptTokens, completionTokens: produced, cachedTokens: cachedTokens,
      queueSeconds: seconds(began ?? end), firstTokenSeconds: seconds(firstToken ?? end),
      seconds: seconds(end), stopString: stopString)
  }
}

/// Whether a request's client went away, told from any thread.
final class ClientFlag: Sendable {
  private let flag = Atomic(false)

  func raise() { flag.store(true, ordering: .relaxed) }
  var isRaised: Bool { flag.load(ordering: .relaxed) }
}
