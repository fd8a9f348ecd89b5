import MotetModels
import MotetTensor

// From the queue to a place among those under way, and back.
extension Scheduler {
  /// Whose request it is, where the queue has room for it.
  /// - Throws: ``ServingError/queueFull(retryAfterSeconds:)``
  func entry(of request: ServingRequest) throws -> (client: ServedClient, call: Int) {
    let client = clients.client(request.client, weight: request.clientWeight) { client in
      (running + waiting).contains { $0.client === client }
    }
    let own = waiting.count { $0.client === client }
    let most = options.maximumWaiting
    guard own < most, waiting.count < 4 * most || own < most / 16 else {
      throw ServingError.queueFull(retryAfterSeconds: retrySeconds(own < most ? waiting.count : own))
    }
    let relative = request.group.flatMap { group in
      (waiting + running).last { $0.client === client && $0.request.group == group }
    }
    calls += relative == nil ? 1 : 0
    return (client, relative?.call ?? calls)
  }

  /// Asks for the adapters of the requests that are next.
  func prepare() {
    let due = waiting.first(where: isDue)
    if let due { letGoOfAdapters(after: due) }
    guard waiting.contains(where: { $0.stage == .queued }) else { return }
    // A few more than there is room for, so that a place that comes free is taken at once.
    var ahead = max(options.maximumRows - running.count, 0) + 4
    var order = PlaceOrder(waiting, running: running)
    // Only as many are asked for as are read at one time, and the next ones: more would stand before another client's.
    var asked = waiting.filter { $0.stage == .preparing }.map(\.request.mix)
    asked = asked.indices.filter { !asked[..<$0].contains(asked[$0]) }.map { asked[$0] }
    while ahead > 0, let row = order.next() {
      // Those that come before it, not after: whose turn it is is never passed over for good.
      guard row.stage == .queued else {
        ahead -= 1
        continue
      }
      let isAlone = running.isEmpty && !waiting.contains { $0.stage == .preparing || $0.stage == .ready }
      if row.lacksRoom, !isAlone { continue }
      // After a second nobody who came later takes the room that it waits for.
      if let due, row.arrival > due.arrival, !row.request.mix.terms.isEmpty { continue }
      let isAsked = asked.contains(row.request.mix)
      guard isAsked || asked.count < 4 else { continue }
      if !isAsked { asked.append(row.request.mix) }
      row.stage = .preparing
      row.lacksRoom = false
      ahead -= 1
      row.preparation = Task { await prepare(row, mayExceed: isAlone) }
    }
  }

  /// Whether a request has waited so long for room for its adapters that others have to leave it some: adapters that
  /// requests to come always hold would be there for good.
  private func isDue(_ row: ServedRow) -> Bool {
    row.wantsRoom && row.mix == nil && ContinuousClock.now - row.submitted > .seconds(1)
  }

  var isRoomDue: Bool { waiting.contains(where: isDue) }

  /// Requests that came later and have not begun hold no adapters while another waits for room.
  private func letGoOfAdapters(after first: ServedRow) {
    for row in waiting where row.stage == .ready && row.began == nil && row.arrival > first.arrival {
      guard let mix = row.mix, !mix.adapters.isEmpty else { continue }
      row.mix = nil
      row.stage = .queued
      first.lacksRoom = false
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
      row.wantsRoom = mix == nil
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

  /// Gives places to requests that are ready, in the order of ``PlaceOrder``.
  func admit() {
    let ready = waiting.filter { $0.stage == .ready }
    guard !ready.isEmpty else { return }
    var order = PlaceOrder(ready, running: running)
    while let row = order.next() {
      guard let mix = row.mix else { continue }
      let isFull = running.count >= options.maximumRows
      let other = isFull ? makingWay(for: row) : nil
      guard !isFull || other != nil else {
        order.passOver(row.client)
        continue
      }
      guard !start(row, mix, inPlaceOf: other) else { continue }
      // Pages come back when a sequence under way ends; without one there is nothing to wait for.
      guard running.isEmpty else {
        // Others may go past it, but not for long.
        guard ContinuousClock.now - row.since < .seconds(options.turnSeconds) else { break }
        order.passOver(row.client)
        continue
      }
      fail(row, EngineFailure("there are no pages for \(row.tokens.count) tokens"))
    }
  }

  /// - Parameter other: makes way for it
  /// - Returns: false while there are no pages for it
  private func start(_ row: ServedRow, _ mix: HeldMix, inPlaceOf other: ServedRow?) -> Bool {
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
    while !reserve(tokens, for: cache) {
      let pages = (tokens + KeyValuePool.pageTokens - 1) / KeyValuePool.pageTokens
      guard let other = makingWayForPages(of: row, pages: pages) else { return false }
      setAside(other)
    }
    if let other, other.stage == .running { setAside(other) }
    row.cache = cache
    row.computed = cache.sharedTokens
    row.stage = .running
    waiting.removeAll { $0 === row }
    row.since = .now
    placesGiven += 1
    row.client.lastServed = placesGiven
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
