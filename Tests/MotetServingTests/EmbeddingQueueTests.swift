import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Synchronization
import Testing

@testable import MotetServing

/// Texts that become vectors stand in the same queue as prompts, under the same rules.
@Suite struct EmbeddingQueueTests {
  private static func withEngine(
    _ options: ServingOptions = ServingOptions(), _ body: (ServingEngine, BaseModel) async throws -> Void
  ) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(["a", "b"], in: place, for: base)
      try await body(await ServingEngine(base, library: nil, folders: [place], options: options), base)
    }
  }

  private static func expectClose(_ found: [[Float]], _ expected: [[Float]]) {
    #expect(found.count == expected.count)
    let worst = zip(found, expected).map { zip($0, $1).map { abs($0 - $1) }.max() ?? .infinity }.max() ?? 0
    #expect(worst < 1e-4, "\(worst)")
  }

  @Test(arguments: [1, 7, 16, 100])
  func textsReadInPiecesHaveTheVectorsOfTextsReadAtOnce(budget: Int) async throws {
    var options = ServingOptions()
    options.tokensPerPass = budget
    options.promptTokensBesideAnswers = budget
    try await Self.withEngine(options) { engine, base in
      let texts = [prompt(5), prompt(90, seed: 1), prompt(1, seed: 2), prompt(128, seed: 3), prompt(40)]
      let expected = try await base.meanHiddenStates(texts)
      async let answers = engine.together((0..<3).map { greedy("\($0)", prompt(30, seed: $0), "a") })
      Self.expectClose(try await engine.embed(texts, mix: .base), expected)
      #expect(try await answers.allSatisfy { $0.ids.count == 12 })
      try await engine.settled()
      await #expect(throws: ServingError.self) { _ = try await engine.embed([prompt(129)], mix: .base) }
    }
  }

  @Test func noPassHasMoreTokensOfALongTextThanOfALongPrompt() async throws {
    var options = ServingOptions()
    options.tokensPerPass = 24
    options.promptTokensBesideAnswers = 8
    let metrics = PassSizes()
    options.metrics = metrics
    try await Self.withEngine(options) { engine, _ in
      _ = try await engine.embed([prompt(128), prompt(100, seed: 1)], mix: .base)
    }
    #expect(metrics.largest.withLock { $0 } == 24)
  }

  @Test func textsThatCannotBeReadForWantOfPagesWaitForThem() async throws {
    let base = try await TinyModel.load()
    let texts = (0..<4).map { prompt(120, seed: $0) }
    let expected = try await base.meanHiddenStates(texts)
    var options = ServingOptions()
    options.speculates = false
    options.cacheBytes = await 6 * base.keyValuePool().pageBytes
    options.tokensPerPass = 16
    let engine = await ServingEngine(base, library: nil, folders: [], options: options)
    let requests = (0..<4).map { greedy("\($0)", prompt(40, seed: $0), tokens: 60) }
    let alone = try await engine.together(requests)
    async let answers = engine.together(requests)
    Self.expectClose(try await engine.embed(texts, mix: .base), expected)
    #expect(try await answers.map(\.ids) == alone.map(\.ids))
  }

  /// They are read in one piece each, so that what was reserved for the longest goes back at once.
  @Test func shortTextsHoldNoPagesWhileTheyAreRead() async throws {
    var options = ServingOptions()
    options.tokensPerPass = 64
    try await Self.withEngine(options) { engine, _ in
      let done = ClientFlag()
      let task = Task {
        defer { done.raise() }
        _ = try await engine.embed((0..<2000).map { prompt(40, seed: $0) }, mix: .base)
      }
      var free = 0
      while free < 5, !done.isRaised {
        let status = await engine.status()
        // Under way, and none of its pages is.
        if status.running == 1 { free += status.usedPages == 0 ? 1 : 0 }
        try await Task.sleep(for: .milliseconds(1))
      }
      #expect(free == 5)
      task.cancel()
      _ = try? await task.value
    }
  }

  @Test func aFullQueueRefusesTexts() async throws {
    var options = ServingOptions()
    options.maximumRows = 1
    options.maximumWaiting = 1
    options.speculates = false
    try await Self.withEngine(options) { engine, _ in
      let busy = try await engine.answer(greedy("1", prompt(20), tokens: 100))
      for try await event in busy { if case .begun = event { break } }
      let waiting = try await engine.answer(greedy("2", prompt(20), tokens: 100))
      var isFull = false
      do { _ = try await engine.embed([prompt(5)], mix: .base) } catch ServingError.queueFull {
        isFull = true
      }
      #expect(isFull)
      for stream in [busy, waiting] { for try await _ in stream {} }
    }
  }

  @Test func drainingWaitsForTexts() async throws {
    var options = ServingOptions()
    options.tokensPerPass = 8
    try await Self.withEngine(options) { engine, _ in
      let texts = (0..<20).map { prompt(100, seed: $0) }
      let task = Task { try await engine.embed(texts, mix: mix("a")) }
      while await engine.status().running == 0 { try await Task.sleep(for: .milliseconds(1)) }
      await engine.drain()
      #expect(await engine.status().running == 0)
      #expect(try await task.value.count == 20)
      await #expect(throws: ServingError.self) { _ = try await engine.embed([prompt(5)], mix: .base) }
    }
  }

  @Test func textsWhoseClientLeavesAreReadNoFurther() async throws {
    var options = ServingOptions()
    options.tokensPerPass = 4
    try await Self.withEngine(options) { engine, _ in
      let texts = (0..<2000).map { prompt(120, seed: $0) }
      let task = Task { try await engine.embed(texts, mix: mix("a")) }
      while await engine.status().running == 0 { try await Task.sleep(for: .milliseconds(1)) }
      task.cancel()
      let began = ContinuousClock.now
      await #expect(throws: CancellationError.self) { _ = try await task.value }
      try await engine.settled()
      #expect(await engine.status().running == 0)
      #expect(ContinuousClock.now - began < .seconds(2))
    }
  }

  @Test func textsWaitForRoomForTheirAdapter() async throws {
    var size = 0
    try await Self.withEngine { engine, _ in
      _ = try await engine.embed([prompt(4)], mix: mix("a"))
      size = try await engine.adapters().first { $0.isLoaded }?.bytes ?? 0
      #expect(size > 0)
    }
    var options = ServingOptions()
    options.adapterMemory = size + size / 2
    options.speculates = false
    try await Self.withEngine(options) { engine, _ in
      let stream = try await engine.answer(greedy("1", prompt(4), "a", tokens: 100))
      var iterator = stream.makeAsyncIterator()
      _ = try await iterator.next()
      async let vectors = engine.embed([prompt(4)], mix: mix("b"))
      var most = 0
      while let event = try await iterator.next() {
        guard case .piece = event else { continue }
        most = max(most, try await engine.adapters().count { $0.isLoaded })
      }
      #expect(most == 1, "under way with a, there is no room for b")
      #expect(try await vectors.count == 1)
    }
  }

  @Test func aRequestOfManyTextsLetsPromptsGoBetween() async throws {
    var options = ServingOptions()
    options.tokensPerPass = 32
    options.promptTokensBesideAnswers = 32
    try await Self.withEngine(options) { engine, _ in
      let done = ClientFlag()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          _ = try await engine.embed((0..<400).map { prompt(64, seed: $0) }, mix: .base)
          done.raise()
        }
        while await engine.status().running == 0 { try await Task.sleep(for: .milliseconds(1)) }
        _ = try await engine.whole(greedy("1", prompt(60), tokens: 4))
        #expect(!done.isRaised)
        group.cancelAll()
        do { try await group.waitForAll() } catch is CancellationError {}
      }
    }
  }
}
