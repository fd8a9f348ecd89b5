import MotetModels
import MotetTensor

// From the queue to a place among those under way, and back.
extension Scheduler {
  /// Asks for the adapters of those who are next.
  func prepare() {
    // A few more than there is room for, so that a place that comes free is taken at once.
    var ahead = options.maximumRows - running.count + 4
    for row in waiting {
      guard ahead > 0 else { break }
      // Those that came before it, not after: who is first is never passed over for good.
      guard row.stage == .queued else {
        ahead -= 1
        continue
      }
      let isAlone = running.isEmpty && !waiting.contains { $0.stage == .preparing || $0.stage == .ready }
      if row.lacksRoom, !isAlone {
        // After a second nobody takes the room that it waits for.
        if ContinuousClock.now - row.submitted > .seconds(1) { break }
        continue
      }
      row.stage = .preparing
      row.lacksRoom = false
      ahead -= 1
      row.preparation = Task { await prepare(row, mayExceed: isAlone) }
    }
  }

  private func prepare(_ row: ServedRow, mayExceed: Bool) async {
    do {
      var mix = try await shelf.hold(
        row.request.mix, within: row.request.scope, mayExceed: mayExceed)
      guard row.stage == .preparing else {
        mix = nil
        // What was read for it may have gone over the budget.
        await shelf.trim()
        return roomMayBeFree()
      }
      row.mix = mix
      row.stage = mix == nil ? .queued : .ready
      row.lacksRoom = mix == nil
      // What others wait for may have been read meanwhile.
      if mix != nil { roomMayBeFree() }
    } catch {
      fail(row, error)
      roomMayBeFree()
    }
    wake()
  }

  /// Has those who wait for room for their adapters try again.
  func roomMayBeFree() {
    for row in waiting { row.lacksRoom = false }
    wake()
  }

  /// Gives places to those who are ready, first come first.
  func admit() {
    for row in waiting where row.stage == .ready && running.count < options.maximumRows {
      guard let mix = row.mix, !start(row, mix) else { continue }
      // Pages come back when a sequence under way ends; without one there is nothing to wait for.
      guard running.isEmpty else { break }
      fail(row, EngineFailure("there are no pages for \(row.tokens.count) tokens"))
    }
    waiting.removeAll { $0.stage == .running || $0.stage == .ended }
  }

  /// - Returns: false while there are no pages for it
  private func start(_ row: ServedRow, _ mix: HeldMix) -> Bool {
    // A text has no answer after it.
    let tokens = row.reach + (row.texts == nil ? 1 : 0)
    guard tokens <= context else {
      let tokens = row.reach
      fail(row, ServingError.tooLong(tokens: tokens, context: context))
      return true
    }
    // Of a text every token's state is wanted, so none of it can be there already.
    let sharesPrefixes = mix.sharesPrefixes && row.texts == nil
    let cache = SequenceCache(
      row.tokens, mix: sharesPrefixes ? mix.identity : nil, salt: row.request.cacheSalt, pool: pool,
      prefixes: prefixes)
    guard reserve(tokens, for: cache) else { return false }
    row.cache = cache
    row.computed = cache.sharedTokens
    row.stage = .running
    running.append(row)
    guard row.began == nil else { return true }
    row.began = .now
    row.cachedTokens = cache.sharedTokens
    if sharesPrefixes {
      metrics.prefixLookups.increment(by: row.tokens.count)
      metrics.prefixHits.increment(by: cache.sharedTokens)
    }
    row.metrics = metrics.adapters(of: mix.served)
    for metrics in row.metrics {
      metrics.requests.increment()
      metrics.promptTokens.increment(by: row.promptTokens)
      metrics.queue.recordSeconds((ContinuousClock.now - row.submitted) / .seconds(1))
    }
    row.output.yield(.begun(mix: mix.served, cachedTokens: cache.sharedTokens))
    return true
  }

  /// Takes pages for so many positions, from what is kept of earlier sequences where none are free.
  func reserve(_ tokens: Int, for cache: SequenceCache) -> Bool {
    while !cache.cache.reserve(tokens) {
      let wanted = (tokens + KeyValuePool.pageTokens - 1) / KeyValuePool.pageTokens
      let missing = wanted - cache.cache.pages.count - pool.freePages
      guard prefixes.giveBack(max(missing, 8)) > 0 else { return false }
    }
    return true
  }

  /// Puts a sequence back into the queue, at its place by arrival.
  func setAside(_ row: ServedRow) {
    row.setAside()
    running.removeAll { $0 === row }
    let place = waiting.firstIndex { $0.arrival > row.arrival } ?? waiting.count
    waiting.insert(row, at: place)
    metrics.preemptions.increment()
  }
}
