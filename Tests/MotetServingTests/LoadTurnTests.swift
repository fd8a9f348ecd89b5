import Foundation
import MetricsTestKit
import MotetAdapters
import MotetModels
import Testing

@testable import MotetServing

/// Loads wait for their turn; these tests hold the only one there is.
@Suite(.timeLimit(.minutes(1))) struct LoadTurnTests {
  private struct Parts {
    let base: BaseModel
    let place: URL
    let shelf: AdapterShelf
    let turnstile = Turnstile(1)
    let metrics = TestMetrics()

    init(_ base: BaseModel, _ place: URL, budget: Int) {
      self.base = base
      self.place = place
      shelf = AdapterShelf(
        base, places: AdapterPlaces(library: nil, folders: [place]), budget: budget,
        metrics: ServingMetrics(metrics), turnstile: turnstile)
    }

    func loads(_ name: String) -> Int64 {
      (try? metrics.expectCounter("motet_adapter_loads_total", [("adapter", name), ("version", "")]))?
        .totalValue
        ?? 0
    }

    /// Waits until so many wait for adapters on their way.
    func waiting(_ counts: [Int]) async throws {
      while await shelf.loading.values.map(\.waiting).sorted() != counts {
        try await Task.sleep(for: .milliseconds(2))
      }
    }
  }

  private func withShelf(
    adapters: Int = 1000, _ body: (Parts) async throws -> Void
  ) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(["a", "b"], in: place, for: base)
      let size = try PreparedAdapter.expectedBytes(of: place.appending(path: "a"), for: base)
      try await body(Parts(base, place, budget: adapters * size))
    }
  }

  @Test func anAdapterThatNobodyWaitsForAnyMoreIsNotRead() async throws {
    try await withShelf { parts in
      let shelf = parts.shelf
      try await parts.turnstile.enter()
      let left = (0..<3).map { _ in Task { try await shelf.hold(mix("a"), mayExceed: false) != nil } }
      try await parts.waiting([3])
      let stays = Task { try await shelf.hold(mix("b"), mayExceed: false) != nil }
      try await parts.waiting([1, 3])
      for task in left { task.cancel() }
      // They end while nobody else has moved.
      for task in left { await #expect(throws: CancellationError.self) { _ = try await task.value } }
      try await parts.waiting([1])
      await parts.turnstile.leave()
      #expect(try await stays.value)
      #expect(parts.loads("a") == 0 && parts.loads("b") == 1)
      #expect(try await shelf.hold(mix("a"), mayExceed: false) != nil)
      #expect(parts.loads("a") == 1)
    }
  }

  @Test func anAdapterThatOneStillWaitsForIsRead() async throws {
    try await withShelf { parts in
      let shelf = parts.shelf
      try await parts.turnstile.enter()
      let tasks = (0..<3).map { _ in Task { try await shelf.hold(mix("a"), mayExceed: false) != nil } }
      try await parts.waiting([3])
      for task in tasks.dropLast() { task.cancel() }
      try await parts.waiting([1])
      await parts.turnstile.leave()
      #expect(try await tasks[2].value)
      #expect(parts.loads("a") == 1)
    }
  }

  @Test func aRequestWhoseClientLeavesWaitsForItsAdapterNoMore() async throws {
    try await withShelf { parts in
      let engine = await ServingEngine(
        parts.base, shelf: parts.shelf, metrics: ServingMetrics(parts.metrics), options: ServingOptions())
      try await parts.turnstile.enter()
      let requests = ["a", "a", "b"].map { name in
        Task { try await engine.whole(greedy(name, prompt(5), name)) }
      }
      try await parts.waiting([1, 2])
      requests[0].cancel()
      requests[1].cancel()
      try await parts.waiting([1])
      await parts.turnstile.leave()
      #expect(try await requests[2].value.ids.count == 12)
      #expect(parts.loads("a") == 0 && parts.loads("b") == 1)
    }
  }

  @Test func oneClientsManyAdaptersDoNotHoldUpAnothersOne() async throws {
    try await withShelf { parts in
      let names = (0..<12).map { "many\($0)" }
      try writeAdapters(names, in: parts.place, for: parts.base)
      let engine = await ServingEngine(
        parts.base, shelf: parts.shelf, metrics: ServingMetrics(parts.metrics), options: ServingOptions())
      try await parts.turnstile.enter()
      func ask(_ name: String, of client: String) -> Task<ContinuousClock.Instant, any Error> {
        Task {
          var request = greedy(name, prompt(5), name)
          request.client = client
          var began = ContinuousClock.now
          for try await event in try await engine.answer(request) { if case .begun = event { began = .now } }
          return began
        }
      }
      let many = names.map { ask($0, of: "a") }
      try await parts.waiting([1, 1, 1, 1])
      let one = ask("b", of: "b")
      while await engine.status().waiting < 13 { try await Task.sleep(for: .milliseconds(1)) }
      await parts.turnstile.leave()
      let began = try await one.value
      var later = 0
      for task in many { later += try await task.value > began ? 1 : 0 }
      #expect(later >= 4, "\(later)")
      #expect(parts.loads("b") == 1)
    }
  }

  @Test func anAdapterUnderWayTakesRoomOnce() async throws {
    try await withShelf(adapters: 1) { parts in
      let shelf = parts.shelf
      try await parts.turnstile.enter()
      let tasks = (0..<3).map { _ in Task { try await shelf.hold(mix("a"), mayExceed: false) != nil } }
      try await parts.waiting([3])
      #expect(try await shelf.hold(mix("b"), mayExceed: false) == nil, "there is room for one")
      await parts.turnstile.leave()
      for task in tasks { #expect(try await task.value) }
      #expect(parts.loads("a") == 1 && parts.loads("b") == 0)
    }
  }

  /// As what requests ask for does.
  @Test func whatAnOperatorLoadsTakesRoomAndIsReadOnce() async throws {
    try await withShelf(adapters: 1) { parts in
      let shelf = parts.shelf
      try await parts.turnstile.enter()
      let operators = (0..<2).map { _ in Task { try await shelf.load("mine", from: "a") } }
      try await parts.waiting([2])
      #expect(try await shelf.hold(mix("b"), mayExceed: false) == nil, "there is room for one")
      await parts.turnstile.leave()
      for task in operators { try await task.value }
      #expect(parts.loads("mine") == 1)
      #expect(try await shelf.hold(mix("mine"), mayExceed: false) != nil)
      #expect(parts.loads("mine") == 1)
      // The one that was loaded goes when nobody holds it.
      #expect(try await shelf.hold(mix("b"), mayExceed: false) != nil)
      #expect(await shelf.residents.keys.map(\.name) == ["b"])
    }
  }

  @Test func anOperatorsLoadThatIsCancelledBeforeItBeginsIsGivenUp() async throws {
    try await withShelf { parts in
      let shelf = parts.shelf
      try await parts.turnstile.enter()
      let load = Task { try await shelf.load("mine", from: "a") }
      try await parts.waiting([1])
      load.cancel()
      await #expect(throws: CancellationError.self) { try await load.value }
      await parts.turnstile.leave()
      #expect(parts.loads("mine") == 0)
      await #expect(throws: ServingError.self) { try await shelf.hold(mix("mine"), mayExceed: false) }
    }
  }

  @Test func whatIsUnloadedWhileItIsReadAnewIsGone() async throws {
    try await withShelf { parts in
      let shelf = parts.shelf
      try await shelf.load("mine", from: "b")
      try await parts.turnstile.enter()
      let load = Task { try await shelf.load("mine", from: "a") }
      try await parts.waiting([1])
      try await shelf.unload("mine")
      await parts.turnstile.leave()
      try await load.value
      #expect(await shelf.residents.isEmpty)
      #expect(await shelf.bytes == 0)
      await #expect(throws: ServingError.self) { try await shelf.hold(mix("mine"), mayExceed: false) }
    }
  }

  @Test func ofTwoThatAnOperatorLoadsByOneNameTheLastStands() async throws {
    try await withShelf { parts in
      let shelf = parts.shelf
      try await parts.turnstile.enter()
      let first = Task { try await shelf.load("mine", from: "a") }
      try await parts.waiting([1])
      let second = Task { try await shelf.load("mine", from: "b") }
      try await parts.waiting([1, 1])
      // They are read in turn, the first before the second.
      await parts.turnstile.leave()
      try await first.value
      try await second.value
      #expect(try await served("mine", by: shelf) == "b")
    }
  }

  @Test func theLastStandsAlsoWhenTheOtherIsReadAfterIt() async throws {
    try await withShelf { parts in
      let shelf = parts.shelf
      try await shelf.load("mine", from: "b")
      try await parts.turnstile.enter()
      let slow = Task { try await shelf.load("mine", from: "a") }
      try await parts.waiting([1])
      // In memory already, so it waits for nobody.
      try await shelf.load("mine", from: "b")
      await parts.turnstile.leave()
      try await slow.value
      #expect(try await served("mine", by: shelf) == "b")
    }
  }

  @Test func aLoadThatFailsLeavesWhatWasLoadedBeforeIt() async throws {
    try await withShelf { parts in
      let shelf = parts.shelf
      let broken = parts.place.appending(path: "broken")
      try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: broken.appending(path: "adapter_config.json"))
      try await parts.turnstile.enter()
      let good = Task { try await shelf.load("mine", from: "a") }
      try await parts.waiting([1])
      let bad = Task { try await shelf.load("mine", from: "broken") }
      try await parts.waiting([1, 1])
      await parts.turnstile.leave()
      try await good.value
      await #expect(throws: ServingError.self) { try await bad.value }
      #expect(try await served("mine", by: shelf) == "a")
    }
  }

  /// The folder that a name stands for, once it is in memory.
  private func served(_ name: String, by shelf: AdapterShelf) async throws -> String? {
    let held = try await shelf.hold(mix(name), mayExceed: false)
    return held?.adapters.first?.place.folder.lastPathComponent
  }

  @Test func aTurnGivenUpGoesToTheNext() async throws {
    let turnstile = Turnstile(1)
    try await turnstile.enter()
    let first = Task { try await turnstile.enter() }
    let second = Task { try await turnstile.enter() }
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    await turnstile.leave()
    try await second.value
    await turnstile.leave()
    try await turnstile.enter()
  }
}
