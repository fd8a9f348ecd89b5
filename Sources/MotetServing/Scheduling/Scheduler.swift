import MotetModels
import MotetTensor

/// Takes requests in, and continues all that are under way together: one pass through the model after another, each
/// with the next tokens of answers and pieces of prompts, of any mixes.
///
/// Places, pages and passes are shared among clients by their weights, among one client's calls likewise, and in order of
/// arrival within a call: see ``PlaceOrder`` and ``PassPlan``. A request waits while its adapters are read, and others go
/// past it meanwhile. A client who holds more than its share makes way for one who holds less: its newest sequence is set
/// aside, and comes back before its own that came later.
@Compute
final class Scheduler {
  let passes: any ModelPasses
  let options: ServingOptions
  let shelf: AdapterShelf
  let metrics: ServingMetrics
  let pool: KeyValuePool
  let prefixes = PrefixCache()
  let scratch = SamplerScratch()
  let stops: Set<Int32>
  let silentTokens: [Int32]
  let context: Int

  /// By arrival.
  var waiting: [ServedRow] = []
  var running: [ServedRow] = []
  var clients = ServedClients()
  /// Counted up with each pass, with each part that a sequence has in one, and with each place that is given.
  var passNumber = 0
  var turns = 0
  var placesGiven = 0
  var passCost = PassCost()
  /// Whether texts are read in the passes of answers.
  var joinsTexts = false
  /// When sequences of more than one client were under way last.
  var lastShared: ContinuousClock.Instant?
  var calls = 0
  private var arrivals = 0
  private var isLooping = false
  private(set) var isDraining = false
  /// Of requests that ended, for ``retrySeconds``.
  private var meanSeconds = 1.0

  init(
    _ base: BaseModel, options: ServingOptions, shelf: AdapterShelf, metrics: ServingMetrics,
    pool: KeyValuePool, passes: any ModelPasses
  ) {
    self.passes = passes
    self.options = options
    self.shelf = shelf
    self.metrics = metrics
    self.pool = pool
    stops = base.endTokens
    silentTokens = base.silentTokens
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
    output: AsyncThrowingStream<ServingEvent, any Error>.Continuation, left: ClientFlag,
    texts: TextReading? = nil
  ) throws {
    guard !isDraining else { throw ServingError.draining }
    let (client, call) = try entry(of: request)
    let row = ServedRow(
      request, of: client, call: call, arrival: nextArrival(), text: text, structure: structure,
      output: output,
      left: left, texts: texts)
    if let mix, mix.adapters.isEmpty || !isRoomDue {
      row.mix = mix
      row.stage = .ready
    }
    waiting.append(row)
    wake()
  }

  func nextArrival() -> Int {
    arrivals += 1
    return arrivals
  }

  /// Seconds until `count` waiting requests are likely to be done.
  func retrySeconds(_ count: Int) -> Int {
    let rounds = Double(count) / Double(max(1, options.maximumRows))
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
      if !running.isEmpty, running.allSatisfy({ $0.heldLogits != nil }) {
        // Masks are made on another thread; there is nothing to do until one is there.
        try? await Task.sleep(for: .microseconds(500))
      } else {
        await Task.yield()
      }
    }
    isLooping = false
    record()
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

  /// Takes no new requests and returns when those under way are done, or its task is cancelled.
  func drain() async {
    isDraining = true
    while !(waiting.isEmpty && running.isEmpty), !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(10))
    }
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
    row.sendRest()
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
    row.preparation?.cancel()
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
