import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTokenizers

/// Serves one base with many adapters: takes requests of any mixes and continues them together.
///
///     let engine = try await ServingEngine(base, folders: [URL(filePath: "adapters")])
///     let request = ServingRequest(id: "1", prompt: tokens, mix: try MixSpecification(parsing: "math"))
///     for try await event in try await engine.answer(request) { print(event) }
///
/// Model work runs on the compute thread, one pass after another; reading adapters and schemas does not.
public final class ServingEngine: AnswerService {
  public let baseName: String
  public let tokenizer: Tokenizer
  public let template: ChatTemplate?
  public let context: Int

  private let base: BaseModel
  private let check: RequestCheck
  private let shelf: AdapterShelf
  private let scheduler: Scheduler
  private let structures: StructureStore

  /// - Parameters:
  ///   - library: whose adapters can be named; nil for none
  ///   - folders: each holds adapters in folders named as they are
  public convenience init(
    _ base: BaseModel, library: AdapterLibrary? = AdapterLibrary(), folders: [URL] = [],
    options: ServingOptions = ServingOptions()
  ) async {
    let metrics = ServingMetrics(options.metrics)
    let shelf = AdapterShelf(
      base, places: AdapterPlaces(library: library, folders: folders), budget: options.roomForAdapters,
      metrics: metrics)
    await self.init(base, shelf: shelf, metrics: metrics, options: options)
  }

  /// - Parameter passes: whose logits are answered with; nil for the base's
  init(
    _ base: BaseModel, shelf: AdapterShelf, metrics: ServingMetrics, options: ServingOptions,
    passes: (any ModelPasses)? = nil
  ) async {
    let tokenizer = base.tokenizer
    let (scheduler, structures, context) = await Compute.run {
      let pool = base.keyValuePool(budget: options.cacheBytes)
      let scheduler = Scheduler(
        base, options: options, shelf: shelf, metrics: metrics, pool: pool, passes: passes ?? base)
      let memory = StructureMemory(budget: options.structureMemory, gauge: metrics.structureBytes)
      let structures = StructureStore(tokenizer, ends: base.endTokens, memory: memory)
      return (scheduler, structures, scheduler.context)
    }
    self.base = base
    self.shelf = shelf
    self.scheduler = scheduler
    self.structures = structures
    self.context = context
    self.tokenizer = tokenizer
    baseName = options.baseName ?? base.name
    template = base.template
    check = RequestCheck(vocabulary: base.configuration.vocabulary, context: context)
  }

  // MARK: Answers

  public func answer(
    _ request: ServingRequest
  ) async throws -> AsyncThrowingStream<ServingEvent, any Error> {
    try check.check(request)
    let matcher = request.stopStrings.isEmpty ? nil : try StopMatcher(request.stopStrings)
    let text = AnswerText(tokenizer, stops: matcher)
    // Held now where its adapters are in memory; else they are read while it waits.
    let mix = try await shelf.holdIfReady(request.mix, within: request.scope)
    // Asked for only where there is one: the store is on the compute thread.
    let structure = request.format == .text ? nil : try await structures.cursor(for: request.format)
    return try await queue(request, mix: mix, text: text, structure: structure)
  }

  private func queue(
    _ request: ServingRequest, mix: HeldMix?, text: AnswerText, structure: StructureCursor? = nil,
    texts: TextReading? = nil
  ) async throws -> AsyncThrowingStream<ServingEvent, any Error> {
    let (stream, output) = AsyncThrowingStream<ServingEvent, any Error>.makeStream()
    let left = ClientFlag()
    output.onTermination = { [weak scheduler] ended in
      guard case .cancelled = ended else { return }
      left.raise()
      Task { await scheduler?.wake() }
    }
    try await scheduler.submit(
      request, mix: mix, text: text, structure: structure, output: output, left: left, texts: texts)
    return stream
  }

  public func embed(_ texts: [[Int32]], as request: ServingRequest) async throws -> [[Float]] {
    for text in texts { try check.checkText(text) }
    try check.checkWeight(request.clientWeight)
    guard !texts.isEmpty else { return [] }
    let held = try await shelf.holdIfReady(request.mix, within: request.scope)
    let reading = await TextReading(texts)
    let stream = try await queue(
      request, mix: held, text: AnswerText(tokenizer, stops: nil), texts: reading)
    for try await _ in stream {}
    // The stream of a task that is cancelled just ends.
    guard await reading.isDone else { throw CancellationError() }
    return await reading.means
  }

  // MARK: Adapters

  public func adapters(within scope: AdapterScope) async throws -> [ServedAdapter] {
    await shelf.list(within: scope)
  }

  public func load(_ name: String, from path: String, within scope: AdapterScope) async throws {
    try await shelf.load(name, from: path, within: scope)
    await scheduler.roomMayBeFree()
  }

  public func unload(_ name: String, within scope: AdapterScope) async throws {
    try await shelf.unload(name, within: scope)
    await scheduler.roomMayBeFree()
  }

  public func pin(_ name: String, _ isPinned: Bool, within scope: AdapterScope) async throws {
    try await shelf.pin(name, isPinned, within: scope)
    await scheduler.roomMayBeFree()
  }

  // MARK: Its state

  public func status() async -> ServingStatus { await scheduler.status }
  public func drain() async { await scheduler.drain() }
}
