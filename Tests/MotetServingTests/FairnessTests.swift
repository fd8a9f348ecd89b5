import Foundation
import MetricsTestKit
import MotetAdapters
import MotetModels
import MotetTensor
import Synchronization
import Testing

@testable import MotetServing

/// A base's passes, each with a pause, so that others have time to come; keeps how many tokens each had.
private final class SlowPasses: ModelPasses {
  private let base: BaseModel
  private let microseconds: UInt32
  nonisolated let tokens = Mutex<[Int]>([])

  nonisolated init(_ base: BaseModel, microseconds: UInt32) {
    self.base = base
    self.microseconds = microseconds
  }

  func logits(_ rows: [BatchRow], at positions: [Int]) throws -> Tensor? {
    note(rows)
    return try base.logits(rows, at: positions)
  }

  func hiddenStateSums(_ rows: [BatchRow]) throws -> [[Float]] {
    note(rows)
    return try base.hiddenStateSums(rows)
  }

  func logits(
    _ rows: [BatchRow], at positions: [Int], andSumsOf texts: [BatchRow]
  ) throws -> (logits: Tensor?, sums: [[Float]]) {
    note(rows + texts)
    return try base.logits(rows, at: positions, andSumsOf: texts)
  }

  private nonisolated func note(_ rows: [BatchRow]) {
    tokens.withLock { $0.append(rows.reduce(0) { $0 + $1.tokens.count }) }
    usleep(microseconds)
  }
}

private final class Count: Sendable {
  let value = Mutex(0)
}

/// What one client asks for holds up nobody else, and comes to its end all the same.
@Suite(.timeLimit(.minutes(2))) struct FairnessTests {
  private struct Parts {
    let engine: ServingEngine
    let passes: SlowPasses
    let metrics: TestMetrics

    var preemptions: Int64 { (try? metrics.expectCounter("motet_preemptions_total").totalValue) ?? 0 }
  }

  private static func withEngine(
    rows: Int = 4, pages: Int? = nil, pause: UInt32 = 1000,
    options: ServingOptions = ServingOptions(),
    _ body: (Parts) async throws -> Void
  ) async throws {
    let base = try await TinyModel.load()
    let metrics = TestMetrics()
    var options = options
    options.maximumRows = rows
    options.speculates = false
    if let pages { options.cacheBytes = await pages * base.keyValuePool().pageBytes }
    let passes = SlowPasses(base, microseconds: pause)
    let shelf = AdapterShelf(
      base, places: AdapterPlaces(library: nil, folders: []), budget: 1 << 30,
      metrics: ServingMetrics(metrics))
    let engine = await ServingEngine(
      base, shelf: shelf, metrics: ServingMetrics(metrics), options: options, passes: passes)
    try await body(Parts(engine: engine, passes: passes, metrics: metrics))
  }

  private static func options(_ change: (inout ServingOptions) -> Void) -> ServingOptions {
    var options = ServingOptions()
    change(&options)
    return options
  }

  private static func call(
    _ name: String, of client: String?, count: Int, tokens: Int, prompt length: Int = 20
  ) -> [ServingRequest] {
    (0..<count).map { index in
      var request = greedy("\(name)-\(index)", prompt(length, seed: index), tokens: tokens)
      request.client = client
      request.group = name
      return request
    }
  }

  /// Has `others` begin, then asks for `own` answers.
  /// - Returns: how many of the others had ended by the time that the own had, and all answers
  private static func race(
    _ parts: Parts, others: [ServingRequest], own: [ServingRequest]
  ) async throws -> (ended: Int, others: [Answer], own: [Answer]) {
    let engine = parts.engine
    let ended = Count()
    return try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
      for (index, request) in others.enumerated() {
        group.addTask {
          let answer = try await engine.whole(request)
          ended.value.withLock { $0 += 1 }
          return (index, answer)
        }
      }
      while await engine.status().running < 1 { try await Task.sleep(for: .milliseconds(1)) }
      try await Task.sleep(for: .milliseconds(20))
      let found = try await engine.together(own)
      let before = ended.value.withLock { $0 }
      var answers = [Answer](repeating: Answer(), count: others.count)
      for try await (index, answer) in group { answers[index] = answer }
      return (before, answers, found)
    }
  }

  private static func alone(_ requests: [ServingRequest]) async throws -> [[Int32]] {
    var found: [[Int32]] = []
    try await withEngine(rows: 64, pause: 0) { parts in
      found = try await parts.engine.together(requests).map(\.ids)
    }
    return found
  }

  // MARK: Places

  @Test func anotherClientsAnswerDoesNotWaitForOnesThatHoldAllPlaces() async throws {
    let (many, few) = (
      Self.call("many", of: "a", count: 12, tokens: 90), Self.call("few", of: "b", count: 1, tokens: 2)
    )
    let expected = try await Self.alone(many)
    try await Self.withEngine { parts in
      let found = try await Self.race(parts, others: many, own: few)
      #expect(found.ended == 0)
      #expect(found.own[0].ids.count == 2)
      #expect(found.others.map(\.ids) == expected)
      #expect(parts.preemptions >= 1)
      #expect(await parts.engine.status().running == 0)
    }
  }

  @Test func aClientsOtherCallDoesNotWaitForItsLargeOne() async throws {
    let many = Self.call("many", of: nil, count: 12, tokens: 90)
    let expected = try await Self.alone(many)
    try await Self.withEngine { parts in
      let found = try await Self.race(parts, others: many, own: [greedy("few", prompt(5), tokens: 2)])
      #expect(found.ended == 0)
      #expect(found.others.map(\.ids) == expected)
    }
  }

  @Test func singleRequestsOfOneClientMakeNoWayForEachOther() async throws {
    try await Self.withEngine(rows: 2, pause: 200) { parts in
      let requests = (0..<8).map { greedy("\($0)", prompt(10, seed: $0), tokens: 30) }
      _ = try await parts.engine.together(requests)
      #expect(parts.preemptions == 0)
    }
  }

  @Test func twoClientsWithManyRequestsHoldHalfThePlacesEachAndMakeNoMoreWay() async throws {
    let (first, second) = (
      Self.call("first", of: "a", count: 10, tokens: 60), Self.call("second", of: "b", count: 10, tokens: 60)
    )
    let expected = try await Self.alone(first + second)
    try await Self.withEngine(rows: 4) { parts in
      let found = try await Self.race(parts, others: first, own: second)
      #expect((found.others + found.own).map(\.ids) == expected)
      // Two of four, once; places that come free later go to who holds fewer.
      #expect(parts.preemptions == 2)
      #expect((4...8).contains(found.ended - 2), "\(found.ended)")
    }
  }

  @Test func withMoreClientsThanPlacesTheyTakeTurns() async throws {
    let long = Self.call("long", of: "a", count: 1, tokens: 100)
    let expected = try await Self.alone(long)
    try await Self.withEngine(rows: 1, pause: 2000, options: Self.options { $0.turnSeconds = 0.02 }) {
      parts in
      let found = try await Self.race(
        parts, others: long, own: Self.call("short", of: "b", count: 1, tokens: 2))
      #expect(found.ended == 0)
      #expect(found.others.map(\.ids) == expected)
      #expect(parts.preemptions >= 1)
    }
    // Of one client the first to come goes on.
    try await Self.withEngine(rows: 1, pause: 1000, options: Self.options { $0.turnSeconds = 0.02 }) {
      parts in
      let found = try await Self.race(
        parts, others: long, own: Self.call("short", of: "a", count: 1, tokens: 2))
      #expect(found.ended == 1)
      #expect(parts.preemptions == 0)
    }
  }

  // MARK: Pages

  @Test func aClientThatHoldsAllPagesMakesWayToo() async throws {
    let many = Self.call("many", of: "a", count: 6, tokens: 60, prompt: 60)
    let expected = try await Self.alone(many)
    try await Self.withEngine(rows: 64, pages: 8) { parts in
      let found = try await Self.race(
        parts, others: many, own: Self.call("few", of: "b", count: 1, tokens: 2, prompt: 60))
      #expect(found.ended == 0)
      #expect(found.others.map(\.ids) == expected)
    }
  }

  // MARK: Passes

  @Test func passesThatClientsShareAreShort() async throws {
    let many = Self.call("many", of: "a", count: 40, tokens: 30)
    let own = Self.call("one", of: "b", count: 1, tokens: 20)
    let expected = try await Self.alone(many + own)
    try await Self.withEngine(rows: 64, options: Self.options { $0.tokensPerSharedPass = 16 }) { parts in
      let found = try await Self.race(parts, others: many, own: own)
      #expect((found.others + found.own).map(\.ids) == expected)
      let sizes = parts.passes.tokens.withLock { $0 }
      // One token of its own in each.
      #expect(sizes.count { $0 == 16 } >= 19)
    }
  }

  @Test func textsOfOneClientLeaveAnothersAnswersShortPasses() async throws {
    try await Self.withEngine(options: Self.options { $0.tokensPerSharedPass = 16 }) { parts in
      let engine = parts.engine
      let texts = Task {
        try await engine.embed(
          (0..<2000).map { prompt(60, seed: $0) }, mix: .base, client: "a", clientWeight: 1)
      }
      while await engine.status().running == 0 { try await Task.sleep(for: .milliseconds(1)) }
      let before = parts.passes.tokens.withLock { $0.count }
      let answer = try await engine.together(Self.call("one", of: "b", count: 1, tokens: 20))
      #expect(answer[0].ids.count == 20)
      let during = parts.passes.tokens.withLock { Array($0[before...]) }
      #expect(during.count < 90, "\(during)")
      #expect(during.count { $0 <= 16 } >= 19, "\(during)")
      texts.cancel()
      _ = try? await texts.value
    }
  }

  @Test func textsThatGoAlongWithAnothersAnswersHaveTheirVectorsAndTheAnswersTheirTokens() async throws {
    let texts = (0..<12).map { prompt([60, 1, 20][$0 % 3], seed: $0) }
    let requests = (0..<3).flatMap { Self.call("\($0)", of: "b", count: 3, tokens: 90) }
    let expected = try await Self.alone(requests)
    let vectors = try await TinyModel.load().meanHiddenStates(texts)
    try await Self.withEngine(options: Self.options { $0.tokensPerSharedPass = 16 }) { parts in
      async let answers = parts.engine.together(requests)
      while await parts.engine.status().running == 0 { try await Task.sleep(for: .milliseconds(1)) }
      let found = try await parts.engine.embed(texts, mix: .base, client: "a", clientWeight: 1)
      #expect(try await answers.map(\.ids) == expected)
      let worst = zip(found, vectors).flatMap { zip($0, $1).map { abs($0 - $1) } }.max() ?? .infinity
      #expect(worst < 1e-4)
    }
  }

  // MARK: The queue

  @Test func aClientThatFillsItsQueueLeavesRoomForOthers() async throws {
    try await Self.withEngine(rows: 1, options: Self.options { $0.maximumWaiting = 4 }) { parts in
      var streams: [AsyncThrowingStream<ServingEvent, any Error>] = []
      var refused = 0
      for request in Self.call("many", of: "a", count: 12, tokens: 50) {
        do { streams.append(try await parts.engine.answer(request)) } catch ServingError.queueFull {
          refused += 1
        }
      }
      #expect(refused >= 6)
      let other = try await parts.engine.together(Self.call("few", of: "b", count: 1, tokens: 2))
      #expect(other[0].ids.count == 2)
      for stream in streams { for try await _ in stream {} }
    }
  }

  @Test func allClientsTogetherHaveALimitAndEachARestOfItsOwn() async throws {
    try await Self.withEngine(rows: 1, options: Self.options { $0.maximumWaiting = 16 }) { parts in
      var streams: [AsyncThrowingStream<ServingEvent, any Error>] = []
      for client in 0..<8 {
        for request in Self.call("\(client)", of: "\(client)", count: 16, tokens: 100) {
          do { streams.append(try await parts.engine.answer(request)) } catch ServingError.queueFull {
            continue
          }
        }
      }
      let waiting = await parts.engine.status().waiting
      #expect((60...72).contains(waiting), "\(waiting)")
      streams.append(try await parts.engine.answer(Self.call("late", of: "late", count: 1, tokens: 2)[0]))
      streams = []
      try await parts.engine.settled()
      #expect(await parts.engine.status().waiting == 0)
    }
  }

  @Test func requestsWhoseClientLeavesAreNotBegun() async throws {
    try await Self.withEngine(rows: 1) { parts in
      let first = try await parts.engine.answer(Self.call("first", of: "a", count: 1, tokens: 100)[0])
      var left: [AsyncThrowingStream<ServingEvent, any Error>] = []
      for request in Self.call("many", of: "a", count: 20, tokens: 100) {
        left.append(try await parts.engine.answer(request))
      }
      left = []
      var waiting = 20
      for _ in 0..<200 where waiting > 0 {
        try await Task.sleep(for: .milliseconds(1))
        waiting = await parts.engine.status().waiting
      }
      #expect(waiting == 0)
      #expect(await parts.engine.status().running == 1)
      for try await _ in first {}
    }
  }

  @Test func aWeightThatIsNoWeightIsRefused() async throws {
    try await Self.withEngine { parts in
      for weight in [0, -1, Double.nan, .infinity] {
        var request = greedy("0", prompt(3))
        request.clientWeight = weight
        await #expect(throws: ServingError.self) { _ = try await parts.engine.answer(request) }
        await #expect(throws: ServingError.self) {
          _ = try await parts.engine.embed([prompt(3)], mix: .base, client: "a", clientWeight: weight)
        }
      }
    }
  }
}

extension ServingEngine {
  /// Mean hidden states of texts, as a client of its own asks for them.
  func embed(
    _ texts: [[Int32]], mix: MixSpecification, client: String, clientWeight: Double
  ) async throws -> [[Float]] {
    var request = ServingRequest(id: "texts", prompt: [], mix: mix)
    (request.client, request.clientWeight) = (client, clientWeight)
    return try await embed(texts, as: request)
  }
}
