import MotetTensor

/// One sequence to be continued.
public struct GenerationRequest {
  public var prompt: [Int32]
  public var mix: BoundMix
  public var maximumTokens: Int
  public var sampling: Sampling
  /// Goes on past the end-of-turn token, for measuring.
  public var ignoresEnd: Bool

  public init(
    prompt: [Int32], mix: BoundMix, maximumTokens: Int = 256, sampling: Sampling = .greedy,
    ignoresEnd: Bool = false
  ) {
    self.prompt = prompt
    self.mix = mix
    self.maximumTokens = maximumTokens
    self.sampling = sampling
    self.ignoresEnd = ignoresEnd
  }
}

/// Sequences of any mixes that are continued together.
///
/// Each step is one pass through the model whose rows are the next token of every sequence under way and the
/// whole prompts of those that join: a finished row's place is taken at the next step.
@Compute
public final class GenerationBatch {
  /// A token of a request, or its end.
  public struct Event: Sendable {
    public let request: Int
    /// nil when the end-of-turn token came or the model's context is full.
    public let token: Int32?
    public let isLast: Bool
  }

  private struct Row {
    let request: Int
    let asked: GenerationRequest
    let cache: KeyValueCache
    var generator: SeededGenerator
    var next: [Int32]
    var produced = 0
    var position = 0
  }

  private let base: BaseModel
  private let maximumRows: Int
  private let tokensPerPass: Int
  private let stops: Set<Int32>
  private var waiting: [Row] = []
  private var live: [Row] = []
  private var requests = 0
  private let pool: KeyValuePool

  /// - Parameters:
  ///   - maximumRows: sequences under way at one time
  ///   - tokensPerPass: prompts join while a pass has fewer tokens than this
  public init(_ base: BaseModel, maximumRows: Int = 64, tokensPerPass: Int = 1024) {
    self.base = base
    self.maximumRows = maximumRows
    self.tokensPerPass = tokensPerPass
    stops = base.endTokens
    pool = base.keyValuePool()
  }

  public var isDone: Bool { waiting.isEmpty && live.isEmpty }

  /// Adds a request and returns its number, counted from 0.
  /// - Throws: ``ModelError`` for an empty prompt or one that leaves no room in the context
  public func add(_ request: GenerationRequest) throws -> Int {
    guard !request.prompt.isEmpty else { throw ModelError.emptyPrompt }
    let context = base.configuration.maximumPositions
    let tokens = request.mix.virtualTokens + request.prompt.count
    guard tokens < context else {
      throw ModelError.tooLong(tokens: tokens, context: context)
    }
    waiting.append(
      Row(
        request: requests, asked: request, cache: KeyValueCache(in: pool),
        generator: SeededGenerator(seed: request.sampling.seed), next: request.prompt))
    requests += 1
    return requests - 1
  }

  /// One pass: a token for every sequence under way.
  /// - Throws: ``ModelError/scoresNotFinite`` when there is none to choose, and what a pass throws
  public func step() throws -> [Event] {
    admit()
    guard !live.isEmpty else { return [] }
    var position = -1
    let rows = live.map {
      BatchRow(tokens: $0.next, mix: $0.asked.mix, start: $0.position, cache: $0.cache)
    }
    let last = rows.map { row -> Int in
      position += row.tokens.count
      return position
    }
    let logits = try base.logits(rows, at: last, on: base.tape(recording: false))
    var events: [Event] = []
    for index in live.indices {
      let row = UnsafeMutableBufferPointer(start: logits.row(index), count: logits.columns)
      base.silence(row)
      let scores = UnsafeBufferPointer(row)
      let event = advance(&live[index], scores)
      // If scores are NaN the sampler takes the first token, and the answer looks empty.
      guard scores[Int(live[index].next[0])].isFinite else { throw ModelError.scoresNotFinite }
      events.append(event)
    }
    let finished = Set(events.filter(\.isLast).map(\.request))
    live.removeAll { finished.contains($0.request) }
    return events
  }

  /// Rows of one mix stand together, so that a pass has one segment a mix.
  private func admit() {
    var tokens = live.count
    var joined = false
    while live.count < maximumRows, let row = waiting.first,
      tokens == 0 || tokens + row.next.count <= tokensPerPass
    {
      tokens += row.next.count
      live.append(waiting.removeFirst())
      joined = true
    }
    guard joined else { return }
    var order: [ObjectIdentifier: Int] = [:]
    for row in live where order[ObjectIdentifier(row.asked.mix)] == nil {
      order[ObjectIdentifier(row.asked.mix)] = order.count
    }
    live.sort {
      (order[ObjectIdentifier($0.asked.mix), default: 0], $0.request)
        < (order[ObjectIdentifier($1.asked.mix), default: 0], $1.request)
    }
  }

  private func advance(_ row: inout Row, _ scores: UnsafeBufferPointer<Float>) -> Event {
    let token = row.asked.sampling.choose(scores, &row.generator)
    row.position += row.next.count
    row.next = [token]
    if !row.asked.ignoresEnd && stops.contains(token) {
      return Event(request: row.request, token: nil, isLast: true)
    }
    row.produced += 1
    let isFull = row.asked.mix.virtualTokens + row.position + 1 >= base.configuration.maximumPositions
    return Event(
      request: row.request, token: token, isLast: row.produced >= row.asked.maximumTokens || isFull)
  }
}

extension BaseModel {
  /// Tokens that end an answer: the configuration's, the tokenizer's end of text, and the template's end of turn.
  public nonisolated var endTokens: Set<Int32> {
    var tokens = Set(configuration.eosTokens.map(Int32.init))
    if let eos = tokenizer.eos { tokens.insert(eos) }
    if let template { tokens.formUnion(template.turnEnds(in: tokenizer)) }
    if let id = tokenizer.id(of: "<|endoftext|>") { tokens.insert(id) }
    return tokens
  }

  /// Continues all requests, `maximumRows` at a time, and returns each one's tokens in order.
  /// - Parameter onToken: told of every token as it comes
  public func complete(
    _ requests: [GenerationRequest], maximumRows: Int = 64,
    onToken: (_ request: Int, _ token: Int32) -> Void = { _, _ in }
  ) async throws -> [[Int32]] {
    let batch = GenerationBatch(self, maximumRows: maximumRows)
    var outputs: [[Int32]] = Array(repeating: [], count: requests.count)
    for request in requests { _ = try batch.add(request) }
    while !batch.isDone {
      try Task.checkCancellation()
      for event in try batch.step() {
        guard let token = event.token else { continue }
        outputs[event.request].append(token)
        onToken(event.request, token)
      }
      BufferPool.endStep(keeping: 8)
      await Task.yield()
    }
    return outputs
  }
}
