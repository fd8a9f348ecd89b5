import MotetModels
import MotetTensor

/// Takes requests in, and continues all that are under way together: one pass through the model after another, each
/// with the next tokens of answers and pieces of prompts, of any mixes.
///
/// Who came first is served first. A request waits while its adapters are read, and others go past it meanwhile; one
/// that is set aside for want of pages comes back before all that came after it.
@Compute
final class Scheduler {
  let base: BaseModel
  let options: ServingOptions
  let shelf: AdapterShelf
  let metrics: ServingMetrics
  let pool: KeyValuePool
  let prefixes = PrefixCache()
  let scratch = SamplerScratch()
  let stops: Set<Int32>
  let context: Int

  /// By arrival.
  var waiting: [ServedRow] = []
  var running: [ServedRow] = []
  private var arrivals = 0
  private var isLooping = false
  private(set) var isDraining = false
  private var drained: [CheckedContinuation<Void, Never>] = []
  /// Of requests that ended, for ``retrySeconds``.
  private var meanSeconds = 1.0

  init(
    _ base: BaseModel, options: ServingOptions, shelf: AdapterShelf, metrics: ServingMetrics,
    pool: KeyValuePool
  ) {
    self.base = base
    self.options = options
    self.shelf = shelf
    self.metrics = metrics
    self.pool = pool
    stops = base.endTokens
    context = Self.context(of: base, pool: pool)
  }

  /// Positions that a sequence may have: the model's, as far as there are pages for them.
  static func context(of base: BaseModel, pool: KeyValuePool) -> Int {
    let (held, isMore) = pool.pageCount.multipliedReportingOverflow(by: KeyValuePool.pageTokens)
    return isMore ? base.configuration.maximumPositions : min(base.configuration.maximumPositions, held)
  }

  // MARK: In

  /// - Throws: ``ServingError/queueFull(retryAfterSeconds:)``, ``ServingError/draining``
  func submit(
    _ request: ServingRequest, mix: HeldMix?, text: AnswerText, structure: StructureCursor?,
    output: AsyncThrowingStream<ServingEvent, any Error>.Continuation, left: ClientFlag
  ) throws {
    guard !isDraining else { throw ServingError.draining }
    guard waiting.count < options.maximumWaiting else {
      throw ServingError.queueFull(retryAfterSeconds: retrySeconds)
    }
    let row = ServedRow(
      request, arrival: arrivals, text: text, structure: structure, output: output, left: left)
    arrivals += 1
    if let mix {
      row.mix = mix
      row.stage = .ready
    }
    waiting.append(row)
    wake()
  }

  private var retrySeconds: Int {
    let rounds = Double(waiting.count) / Double(max(1, options.maximumRows))
    return min(60, max(1, Int((rounds * meanSeconds).rounded(.up))))
  }

  func wake() {
    guard !isLooping else { return }
    isLooping = true
    Task { await loop() }
  }

  private func loop() async {
    while true {
      dropLeft()
      prepare()
      admit()
      guard !running.isEmpty else { break }
      step()
      BufferPool.endStep(keeping: 8)
      record()
      await Task.yield()
    }
    isLooping = false
    record()
    guard waiting.isEmpty else { return }
    for continuation in drained { continuation.resume() }
    drained = []
  }

  private func record() {
    metrics.running.record(running.count)
    metrics.waiting.record(waiting.count)
    metrics.freePages.record(pool.freePages)
  }

  var status: ServingStatus {
    ServingStatus(
      running: running.count, waiting: waiting.count, usedPages: pool.usedPages, pages: pool.pageCount,
      isDraining: isDraining)
  }

  func drain() async {
    isDraining = true
    guard !(waiting.isEmpty && running.isEmpty) else { return }
    await withCheckedContinuation { drained.append($0) }
  }

  // MARK: From the queue

  /// Asks for the adapters of those who are next.
  private func prepare() {
    // A few more than there is room for, so that a place that comes free is taken at once.
    var ahead = options.maximumRows - running.count + 4
    ahead -= waiting.count { $0.stage == .preparing || $0.stage == .ready }
    for row in waiting where row.stage == .queued && ahead > 0 {
      let isAlone = running.isEmpty && !waiting.contains { $0.stage == .preparing || $0.stage == .ready }
      if row.lacksRoom, !isAlone {
        // After a second nobody takes the room that it waits for.
        if ContinuousClock.now - row.submitted > .seconds(1) { break }
        continue
      }
      row.stage = .preparing
      row.lacksRoom = false
      ahead -= 1
      Task { await prepare(row, mayExceed: isAlone) }
    }
  }

  private func prepare(_ row: ServedRow, mayExceed: Bool) async {
    do {
      let mix = try await shelf.hold(row.request.mix, mayExceed: mayExceed)
      guard row.stage == .preparing else { return }
      row.mix = mix
      row.stage = mix == nil ? .queued : .ready
      row.lacksRoom = mix == nil
    } catch {
      fail(row, error)
    }
    wake()
  }

  /// Gives places to those who are ready, first come first.
  private func admit() {
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
    let tokens = mix.virtualTokens + row.tokens.count
    guard tokens < context else {
      fail(row, ServingError.tooLong(tokens: tokens, context: context))
      return true
    }
    let cache = SequenceCache(
      row.tokens, mix: mix.sharesPrefixes ? mix.identity : nil, pool: pool, prefixes: prefixes)
    guard reserve(tokens + 1, for: cache) else { return false }
    row.cache = cache
    row.computed = cache.sharedTokens
    row.stage = .running
    running.append(row)
    guard row.began == nil else { return true }
    row.began = .now
    row.cachedTokens = cache.sharedTokens
    if mix.sharesPrefixes {
      metrics.prefixLookups.increment(by: row.tokens.count)
      metrics.prefixHits.increment(by: cache.sharedTokens)
    }
    row.metrics = metrics.adapters(of: mix.served)
    for metrics in row.metrics {
      metrics.requests.increment()
      metrics.promptTokens.increment(by: row.request.prompt.count)
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

  // MARK: Out

  private func dropLeft() {
    for row in running + waiting where row.left.isRaised { end(row, .cancelled) }
    waiting.removeAll { $0.stage == .ended }
  }

  func end(_ row: ServedRow, _ reason: FinishReason) {
    guard row.stage != .ended else { return }
    let now = ContinuousClock.now
    let usage = row.usage(at: now)
    meanSeconds += 0.1 * (usage.seconds - meanSeconds)
    for metrics in row.metrics {
      metrics.generatedTokens.increment(by: row.produced)
      metrics.request.recordSeconds(usage.seconds)
    }
    release(row, as: reason.rawValue)
    row.output.yield(.ended(reason, usage))
    row.output.finish()
  }

  func fail(_ row: ServedRow, _ error: any Error) {
    guard row.stage != .ended else { return }
    release(row, as: "error")
    row.output.finish(throwing: error)
  }

  private func release(_ row: ServedRow, as reason: String) {
    for metrics in row.metrics { metrics.finished[reason]?.increment() }
    row.stage = .ended
    row.cache = nil
    let mayHaveFreed = row.mix.map { !$0.adapters.isEmpty } ?? false
    row.mix = nil
    running.removeAll { $0 === row }
    waiting.removeAll { $0 === row }
    guard mayHaveFreed else { return }
    for row in waiting { row.lacksRoom = false }
    let shelf = shelf
    Task { await shelf.trim() }
  }
}
