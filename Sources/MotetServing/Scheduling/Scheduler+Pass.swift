import MotetModels
import MotetTensor

extension Scheduler {
  /// One pass: a token, or several that were guessed right, for every answer, and the next piece of some prompts. Texts
  /// have passes of their own, but for those that go along with another client's answers: two short passes would keep
  /// these waiting for twice as long as one.
  func step() {
    chooseHeld()
    guess()
    let shares = reservedShares()
    let rows = grouped(running.filter { shares[$0.arrival, default: 0] > 0 })
    let (answers, texts) = (rows.filter { $0.texts == nil }, rows.filter { $0.texts != nil })
    answer(answers, joinsTexts ? texts : [], shares)
    if !joinsTexts { read(texts, shares) }
  }

  private func answer(_ rows: [ServedRow], _ texts: [ServedRow], _ shares: [Int: Int]) {
    guard !rows.isEmpty else { return }
    let pieces = texts.map {
      ($0, $0.texts?.pieces(shares[$0.arrival, default: 0], isBesideAnswers: true) ?? [])
    }
    do {
      let (logits, sums) = try pass(rows, batch(of: pieces), shares)
      for row in rows { row.computed += shares[row.arrival, default: 0] }
      var first = 0
      for row in rows where row.computed == row.tokens.count {
        let count = row.guessed + 1
        if let logits { advance(row, logits, from: first) }
        first += count
      }
      for row in rows where row.stage == .running {
        row.cache?.keepFullPages(row.tokens, computed: row.computed)
      }
      take(sums, of: pieces)
    } catch {
      metrics.stepFailures.increment()
      for row in rows + texts { fail(row, EngineFailure("the pass failed: \(error)")) }
    }
  }

  /// How many tokens each sequence has in this pass.
  private func plan() -> [Int] {
    running.sort { $0.arrival < $1.arrival }
    let now = ContinuousClock.now
    if running.contains(where: { $0.client !== running[0].client }) { lastShared = now }
    let isAlone = lastShared.map { now - $0 > .seconds(options.briefSeconds) } ?? true
    let plan = PassPlan(
      tokensPerPass: options.tokensPerPass, promptTokensBesideAnswers: options.promptTokensBesideAnswers,
      tokensPerSharedPass: options.tokensPerSharedPass ?? passCost.tokens(stretch: options.sharedPassStretch)
        ?? 8,
      briefTokens: isAlone ? nil : passCost.tokens(stretch: options.briefPassStretch) ?? 32,
      number: passNumber)
    return plan.shares(
      running.map {
        PassPlan.Demand(
          missing: $0.missing, isReading: $0.isReading, client: $0.client.number, weight: $0.client.weight,
          group: $0.call, lastTurn: $0.lastTurn)
      })
  }

  /// The same with room for them; when pages run out, sequences of the client who holds the most over its share are set
  /// aside.
  private func reservedShares() -> [Int: Int] {
    let counts = plan()
    passNumber += 1
    let answering = running.indices.filter { counts[$0] > 0 && running[$0].texts == nil }
    joinsTexts = running.indices.contains { index in
      counts[index] > 0 && running[index].texts != nil
        && answering.contains { running[$0].client !== running[index].client }
    }
    var shares: [Int: Int] = [:]
    for (row, count) in zip(running, counts) where row.stage == .running && count > 0 {
      guard let cache = row.cache else { continue }
      let positions = row.positions(after: count, isBesideAnswers: joinsTexts)
      while row.stage == .running, !reserve(positions, for: cache) {
        guard let last = makingWayForPages() else { break }
        shares[last.arrival] = nil
        setAside(last)
      }
      if row.stage == .running { shares[row.arrival] = count }
    }
    let taking = running.filter { shares[$0.arrival] != nil }
    for row in taking.sorted(by: { ($0.lastTurn, $0.arrival) < ($1.lastTurn, $1.arrival) }) {
      turns += 1
      row.lastTurn = turns
    }
    return shares
  }

  /// Rows of one mix stand together, so that a pass has one segment for each.
  private func grouped(_ rows: [ServedRow]) -> [ServedRow] {
    var order: [ObjectIdentifier: Int] = [:]
    func place(_ row: ServedRow) -> Int {
      guard let bound = row.mix?.bound else { return 0 }
      let id = ObjectIdentifier(bound)
      if let known = order[id] { return known }
      order[id] = order.count
      return order.count - 1
    }
    return rows.map { (place($0), $0) }
      .sorted { ($0.0, $0.1.arrival) < ($1.0, $1.1.arrival) }.map(\.1)
  }

  /// - Parameter texts: pieces that go along
  /// - Returns: logits at the last token of each sequence whose tokens are all in, and at guesses before it, nil when
  ///   there is none; and the sums of the pieces
  private func pass(
    _ rows: [ServedRow], _ texts: [BatchRow], _ shares: [Int: Int]
  ) throws -> (logits: Tensor?, sums: [[Float]]) {
    var batch: [BatchRow] = []
    var positions: [Int] = []
    var tokens = 0
    for row in rows {
      guard let mix = row.mix, let cache = row.cache else { continue }
      let count = shares[row.arrival, default: 0]
      batch.append(
        BatchRow(
          tokens: Array(row.tokens[row.computed..<row.computed + count]), mix: mix.bound, start: row.computed,
          cache: cache.cache))
      tokens += count
      if row.computed + count == row.tokens.count { positions += tokens - 1 - row.guessed..<tokens }
    }
    return try timed(batch + texts) {
      texts.isEmpty
        ? (try passes.logits(batch, at: positions), [])
        : try passes.logits(batch, at: positions, andSumsOf: texts)
    }
  }

  /// Tells the metrics of a pass, and learns from it what the next ones will take.
  func timed<T>(_ batch: [BatchRow], _ pass: () throws -> T) throws -> T {
    let began = ContinuousClock.now
    let tokens = batch.reduce(0) { $0 + $1.tokens.count }
    metrics.stepRows.record(batch.count)
    metrics.stepTokens.record(tokens)
    metrics.stepSegments.record(batch.indices.count { $0 == 0 || batch[$0].mix !== batch[$0 - 1].mix })
    let found = try pass()
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    metrics.stepSeconds.recordSeconds(seconds)
    passCost.add(tokens: tokens, seconds: seconds)
    return found
  }

  // MARK: Tokens

  /// Chooses a sequence's next token, and those after it as long as guesses are right.
  /// - Parameter first: the row of `logits` of its last known token
  private func advance(_ row: ServedRow, _ logits: Tensor, from first: Int) {
    let guesses = Array(row.tokens.suffix(row.guessed))
    row.tokens.removeLast(row.guessed)
    row.guessed = 0
    let known = row.tokens.count
    var accepted = 0
    for place in 0...guesses.count {
      let values = UnsafeMutableBufferPointer(start: logits.row(first + place), count: logits.columns)
      if let structure = row.structure, structure.mask == nil {
        // After guesses that were right too: all tokens are in, and nothing but these logits goes on.
        row.heldLogits = Array(values)
        break
      }
      guard let token = choose(row, values) else { return }
      guard row.stage == .running, place < guesses.count, guesses[place] == token else { break }
      accepted += 1
    }
    guard !guesses.isEmpty else { return }
    // Guesses that were not checked say nothing about the guessing.
    if row.heldLogits == nil { row.lookup?.learn(accepted: accepted, of: guesses.count) }
    metrics.speculated.increment(by: guesses.count)
    metrics.accepted.increment(by: accepted)
    row.computed = known + accepted
    row.cache?.cache.truncate(to: row.virtualTokens + row.computed)
  }

  /// Chooses the tokens of answers that waited for what their formats allow.
  private func chooseHeld() {
    for row in running {
      guard var logits = row.heldLogits, row.structure?.mask != nil else { continue }
      row.heldLogits = nil
      _ = logits.withUnsafeMutableBufferPointer { choose(row, $0) }
    }
  }

  /// - Returns: the token, which may have ended the answer; nil when the request failed
  private func choose(_ row: ServedRow, _ logits: UnsafeMutableBufferPointer<Float>) -> Int32? {
    let bad = "its logits are not numbers"
    let own = row.request.logprobs.map { ($0, TokenLogprobs(UnsafeBufferPointer(logits), alternatives: $0)) }
    if let own, own.1 == nil {
      fail(row, ServingError.unusableAdapter(name: row.request.mix.description, reason: bad))
      return nil
    }
    // A format's mask makes logits impossible, and a choice changes them.
    let unchanged = own == nil ? [] : Array(logits)
    for id in silentTokens { logits[Int(id)] = -.infinity }
    let allowed = row.structure?.mask
    guard let token = row.sampler.choose(logits, allowed: allowed, scratch: scratch) else {
      fail(
        row,
        allowed.map { $0.allowed > 0 } ?? true
          ? ServingError.unusableAdapter(name: row.request.mix.description, reason: bad)
          : EngineFailure("no token of the vocabulary continues the output format"))
      return nil
    }
    let served = own.flatMap { $0.1?.token(token, logit: unchanged[Int(token)]) } ?? ServedToken(id: token)
    take(served, for: row)
    return token
  }

  private func take(_ token: ServedToken, for row: ServedRow) {
    let now = ContinuousClock.now
    if let last = row.lastToken {
      for metrics in row.metrics { metrics.tokenGap.recordSeconds((now - last) / .seconds(1)) }
    } else {
      row.firstToken = now
      for metrics in row.metrics { metrics.firstToken.recordSeconds((now - row.submitted) / .seconds(1)) }
    }
    row.lastToken = now
    row.tokens.append(token.id)
    if stops.contains(token.id), !row.request.ignoresEnd || row.structure != nil { return finish(row, .stop) }
    row.structure?.advance(token.id)
    let step = row.text.append(token)
    if !step.isEmpty { row.send(step.text, step.tokens) }
    row.stopString = step.stop
    if step.isStopped { return end(row, .stop) }
    if row.structure?.isComplete == true { return finish(row, .stop) }
    if row.produced >= row.request.maximumTokens || row.virtualTokens + row.tokens.count >= context {
      finish(row, .length)
    }
  }

  /// Sends what was held back, and ends.
  private func finish(_ row: ServedRow, _ reason: FinishReason) {
    let rest = row.text.finish()
    if !rest.isEmpty { row.send(rest.text, rest.tokens) }
    row.stopString = rest.stop
    end(row, rest.isStopped ? .stop : reason)
  }

  /// Adds guesses to answers while there are so few that a pass has room for them at little cost, and no other client's
  /// tokens wait for it.
  private func guess() {
    guard options.speculates, running.count <= 4, let first = running.first?.client,
      running.allSatisfy({ $0.client === first })
    else { return }
    for row in running where !row.isReading && row.computed == row.tokens.count - 1 && row.produced > 0 {
      let left = min(
        row.request.maximumTokens - row.produced - 1, context - row.virtualTokens - row.tokens.count - 1,
        options.speculatedTokens)
      guard left > 0, pool.freePages > running.count else { continue }
      if row.lookup == nil { row.lookup = PromptLookup() }
      let guesses = row.lookup?.guess(row.tokens, count: left) ?? []
      row.tokens += guesses
      row.guessed = guesses.count
      row.structure?.prepare(guesses)
    }
  }
}
