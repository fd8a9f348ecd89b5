import Foundation
import MotetAdapters
import MotetModels
import Testing

@testable import MotetServing

/// What is pinned, and what has room beside it.
@Suite(.timeLimit(.minutes(1))) struct PinTests {
  /// - Parameter room: of adapters of rank 4
  private static func withEngine(
    _ names: [String] = ["a", "b", "c"], room: Double, library: AdapterLibrary? = nil,
    _ body: (ServingEngine, BaseModel, URL, Int) async throws -> Void
  ) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(names + ["sample"], in: place, for: base)
      let sample = place.appending(path: "sample")
      let size = try PreparedAdapter.expectedBytes(of: sample, for: base)
      try FileManager.default.removeItem(at: sample)
      let budget = Int(room * Double(size))
      let metrics = ServingMetrics(nil)
      let shelf = AdapterShelf(
        base, places: AdapterPlaces(library: library, folders: [place]), budget: budget, metrics: metrics)
      var options = ServingOptions()
      options.speculates = false
      let engine = await ServingEngine(base, shelf: shelf, metrics: metrics, options: options)
      try await body(engine, base, place, budget)
    }
  }

  private static func pinned(_ engine: ServingEngine) async throws -> [String] {
    try await engine.adapters().filter(\.isPinned).map { adapter in
      adapter.version.map { "\(adapter.name)@\($0)" } ?? adapter.name
    }
  }

  @Test func aPinThatLeavesNoRoomForTheLargestOtherAdapterIsRefused() async throws {
    try await Self.withEngine(room: 2.5) { engine, _, _, budget in
      try await engine.pin("a", true)
      let error = await #expect(throws: ServingError.self) { try await engine.pin("b", true) }
      guard case .pinTooLarge("b", let bytes, let pinned, let largest, budget) = try #require(error) else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(bytes == pinned && bytes == largest && bytes > 0)
      #expect("\(error.map { "\($0)" } ?? "")".contains("\(budget)"))
      #expect(try await Self.pinned(engine) == ["a"])
      for name in ["b", "c", "a", "b"] {
        #expect(try await engine.whole(greedy(name, prompt(4), name)).ids.count == 12)
      }
      // Again is no second pin.
      try await engine.pin("a", true)
      try await engine.pin("a", false)
      try await engine.pin("b", true)
      #expect(try await Self.pinned(engine) == ["b"])
    }
  }

  @Test func ofTwoPinsThatComeTogetherOneIsRefused() async throws {
    try await Self.withEngine(room: 2.5) { engine, _, _, _ in
      let outcomes = await withTaskGroup(of: Bool.self) { group in
        for name in ["a", "b", "c"] {
          group.addTask { (try? await engine.pin(name, true)) != nil }
        }
        return await group.reduce(into: [Bool]()) { $0.append($1) }
      }
      let taken = outcomes.count { $0 }
      #expect(taken <= 1)
      let pinned = try await Self.pinned(engine)
      #expect(pinned.count == taken)
    }
  }

  @Test func anAdapterThatNeverFitsFailsAtOnceWhileOthersAreUnderWay() async throws {
    try await Self.withEngine(room: 1.5) { engine, base, place, budget in
      try noisyWeights(base, rank: 16, seed: 9).write(to: place.appending(path: "huge"))
      let stream = try await engine.answer(greedy("0", prompt(4), "a", tokens: 120))
      for (name, tokens) in [("huge", 4), ("b=0.5+c=0.5", 4)] {
        let error = await #expect(throws: ServingError.self) {
          _ = try await engine.whole(greedy(name, prompt(4), name, tokens: tokens))
        }
        guard case .tooLarge(name, let bytes, 0, budget) = try #require(error) else {
          Issue.record("\(String(describing: error))")
          continue
        }
        #expect(bytes > budget)
      }
      await #expect(throws: ServingError.self) { try await engine.load("mine", from: "huge") }
      await #expect(throws: ServingError.self) { try await engine.pin("huge", true) }
      await #expect(throws: ServingError.self) { _ = try await engine.embed([prompt(4)], mix: mix("huge")) }
      #expect(try await engine.adapters().map(\.name) == ["a", "b", "c", "huge"])
      #expect(try await Self.pinned(engine).isEmpty)
      for try await _ in stream {}
    }
  }

  @Test func aMixThatDoesNotFitBesideWhatIsPinnedSaysSo() async throws {
    try await Self.withEngine(room: 2.5) { engine, _, _, budget in
      #expect(try await engine.whole(greedy("0", prompt(4), "b=0.5+c=0.5")).ids.count == 12)
      try await engine.settled()
      try await engine.pin("a", true)
      _ = try await engine.whole(greedy("1", prompt(4), "b"))
      try await engine.settled()
      let error = await #expect(throws: ServingError.self) {
        _ = try await engine.whole(greedy("2", prompt(4), "b=0.5+c=0.5"))
      }
      guard case .tooLarge(_, let bytes, let pinned, budget) = try #require(error) else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(bytes == 2 * pinned)
      // What is pinned counts once.
      #expect(try await engine.whole(greedy("3", prompt(4), "a=0.5+c=0.5")).ids.count == 12)
    }
  }

  @Test func aPinOfANameMovesToItsNewVersion() async throws {
    try await TinyModel.withFolder { root in
      let library = AdapterLibrary(root: root)
      try await Self.withEngine([], room: 3.5, library: library) { engine, base, _, _ in
        try library.add("math") { try noisyWeights(base, seed: 1).write(to: $0) }
        try await engine.pin("math", true)
        #expect(try await Self.pinned(engine) == ["math@1"])
        try library.add("math") { try noisyWeights(base, seed: 2).write(to: $0) }
        _ = try await engine.whole(greedy("1", prompt(4), "math"))
        #expect(try await Self.pinned(engine) == ["math@2"])
        // The old one may be used, and stays no longer than others do.
        _ = try await engine.whole(greedy("2", prompt(4), "math@1"))
        #expect(try await Self.pinned(engine) == ["math@2"])
        try await engine.unload("math@1")
        await #expect(throws: ServingError.self) { try await engine.unload("math@2") }
        await #expect(throws: ServingError.self) { try await engine.unload("math") }
      }
    }
  }

  /// The requests for one adapter overlap without end: it is always held.
  @Test func anAdapterThatIsAlwaysAskedForLeavesRoomForAnother() async throws {
    try await Self.withEngine(room: 1.5) { engine, _, _, _ in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<6 {
          group.addTask {
            while !Task.isCancelled {
              _ = try? await engine.whole(greedy("\(lane)", prompt(4, seed: lane), "a", tokens: 60))
            }
          }
        }
        while await engine.status().running == 0 { try await Task.sleep(for: .milliseconds(1)) }
        let began = ContinuousClock.now
        let answer = try await engine.whole(greedy("b", prompt(4), "b"))
        #expect(answer.mix == "b")
        #expect(ContinuousClock.now - began < .seconds(10))
        group.cancelAll()
        try await group.waitForAll()
      }
    }
  }
}
