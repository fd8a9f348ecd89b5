import Foundation
import MetricsTestKit
import MotetModels
import MotetTensor
import Synchronization
import Testing

@testable import MotetServing

/// A base's passes, of which one fails when its work is done.
private final class FailingPasses: ModelPasses {
  struct Broken: Error {}

  private let base: BaseModel
  /// Passes up to the one that fails; nil while none shall.
  nonisolated let left = Mutex<Int?>(nil)
  /// Rows of those that failed.
  nonisolated let failed = Mutex<[Int]>([])

  nonisolated init(_ base: BaseModel) { self.base = base }

  func logits(_ rows: [BatchRow], at positions: [Int]) throws -> Tensor? {
    let found: Tensor? = try base.logits(rows, at: positions)
    try count(rows)
    return found
  }

  func hiddenStateSums(_ rows: [BatchRow]) throws -> [[Float]] {
    let found = try base.hiddenStateSums(rows)
    try count(rows)
    return found
  }

  func logits(
    _ rows: [BatchRow], at positions: [Int], andSumsOf texts: [BatchRow]
  ) throws -> (logits: Tensor?, sums: [[Float]]) {
    let found = try base.logits(rows, at: positions, andSumsOf: texts)
    try count(rows + texts)
    return found
  }

  private nonisolated func count(_ rows: [BatchRow]) throws {
    let fails = left.withLock { left in
      left = left.map { $0 - 1 }
      return left == 0
    }
    guard fails else { return }
    failed.withLock { $0.append(rows.count) }
    throw Broken()
  }
}

/// A pass that fails takes the requests that stand in it with it, and nothing else.
@Suite struct PassFailureTests {
  private struct Parts {
    let engine: ServingEngine
    let passes: FailingPasses
    let metrics: TestMetrics
  }

  private func withEngine(rows: Int = 64, _ body: (Parts) async throws -> Void) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(["a", "b"], in: place, for: base)
      let (passes, metrics) = (FailingPasses(base), TestMetrics())
      var options = ServingOptions()
      options.maximumRows = rows
      options.speculates = false
      let shelf = AdapterShelf(
        base, places: AdapterPlaces(library: nil, folders: [place]), budget: 1 << 30,
        metrics: ServingMetrics(metrics))
      let engine = await ServingEngine(
        base, shelf: shelf, metrics: ServingMetrics(metrics), options: options, passes: passes)
      try await body(Parts(engine: engine, passes: passes, metrics: metrics))
    }
  }

  private func outcomes(
    _ engine: ServingEngine, _ requests: [ServingRequest]
  ) async -> [Result<[Int32], any Error>] {
    await withTaskGroup(of: (Int, Result<[Int32], any Error>).self) { group in
      for (index, request) in requests.enumerated() {
        group.addTask {
          do { return (index, .success(try await engine.whole(request).ids)) } catch {
            return (index, .failure(error))
          }
        }
      }
      var found = [Result<[Int32], any Error>](repeating: .success([]), count: requests.count)
      for await (index, outcome) in group { found[index] = outcome }
      return found
    }
  }

  /// Shorter than a page all together, so that none is kept for later ones.
  private static let requests = (0..<7).map {
    greedy("\($0)", prompt(6, seed: $0), ["base", "a", "b"][$0 % 3], tokens: 20)
  }

  @Test(arguments: [1, 2, 9, 25]) func requestsOfThePassFailAndOthersGetTheirAnswers(pass: Int) async throws {
    try await withEngine(rows: 3) { parts in
      let expected = try await parts.engine.together(Self.requests).map(\.ids)
      parts.passes.left.withLock { $0 = pass }
      let found = await outcomes(parts.engine, Self.requests)
      var failures = 0
      for (outcome, ids) in zip(found, expected) {
        switch outcome {
        case .success(let own): #expect(own == ids)
        case .failure(let error):
          failures += 1
          #expect(error is EngineFailure, "\(error)")
        }
      }
      #expect(parts.passes.failed.withLock { $0 } == [failures])
      #expect((1...3).contains(failures))
      try await parts.engine.settled()
      let status = await parts.engine.status()
      #expect(status.running == 0 && status.waiting == 0 && status.usedPages == 0)
      #expect(try parts.metrics.expectCounter("motet_step_failures_total").totalValue == 1)
      #expect(try await parts.engine.together(Self.requests).map(\.ids) == expected)
    }
  }

  @Test func textsOfThePassFailAndAreReadTheNextTime() async throws {
    try await withEngine { parts in
      let texts = [prompt(128), prompt(100, seed: 1)]
      let vectors = try await parts.engine.embed(texts, mix: .base)
      parts.passes.left.withLock { $0 = 1 }
      await #expect(throws: EngineFailure.self) { _ = try await parts.engine.embed(texts, mix: .base) }
      try await parts.engine.settled()
      #expect(await parts.engine.status().usedPages == 0)
      #expect(try await parts.engine.embed(texts, mix: .base) == vectors)
    }
  }

  /// What a failed pass wrote stands in pages of its own.
  @Test func whatWasKeptOfAPromptIsStillRight() async throws {
    try await withEngine { parts in
      let request = greedy("0", prompt(70), "a", tokens: 20)
      let first = try await parts.engine.whole(request)
      parts.passes.left.withLock { $0 = 3 }
      await #expect(throws: EngineFailure.self) { _ = try await parts.engine.whole(request) }
      let again = try await parts.engine.whole(request)
      #expect(again.cachedTokens == 64)
      #expect(again.ids == first.ids)
    }
  }
}
