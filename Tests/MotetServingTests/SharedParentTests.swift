import Foundation
import MetricsTestKit
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

/// Adapters that stand on one adapter have it in memory once.
@Suite struct SharedParentTests {
  private struct Parts {
    let base: BaseModel
    let engine: ServingEngine
    let shelf: AdapterShelf
    let metrics: TestMetrics
    let folder: URL
    /// Bytes of one adapter alone.
    let size: Int

    func loads(_ name: String) -> Int64 {
      (try? metrics.expectCounter("motet_adapter_loads_total", [("adapter", name), ("version", "")]))?
        .totalValue
        ?? 0
    }

    /// What `name` answers when it is read with all it stands on, by the batch that generates.
    func expected(_ name: String, _ tokens: [Int32]) async throws -> [Int32] {
      let adapter = try Adapter.load(folder.appending(path: name), for: base)
      let bound = try await Mix(adapter).bound(to: base)
      let request = GenerationRequest(prompt: tokens, mix: bound, maximumTokens: 12, ignoresEnd: true)
      return try await Compute.run { try await base.complete([request]) }[0]
    }
  }

  /// `a` and `b` stand on `below`; `c` stands on the base.
  private func withParts(adapters: Int = 1000, _ body: (Parts) async throws -> Void) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { folder in
      try writeAdapters(["below", "c"], in: folder, for: base)
      let record = AdapterRecord(
        motet: "test", standsOn: AdapterRecord.Parent(name: folder.appending(path: "below").path))
      for (seed, name) in [(7, "a"), (8, "b")] {
        try noisyWeights(base, seed: UInt64(seed)).write(to: folder.appending(path: name), record: record)
      }
      let metrics = TestMetrics()
      let own = ServingMetrics(metrics)
      let size = try PreparedAdapter.expectedBytes(of: folder.appending(path: "a"), for: base)
      let shelf = AdapterShelf(
        base, places: AdapterPlaces(library: nil, folders: [folder]), budget: adapters * size, metrics: own)
      let engine = await ServingEngine(base, shelf: shelf, metrics: own, options: ServingOptions())
      try await body(
        Parts(
          base: base, engine: engine, shelf: shelf, metrics: metrics, folder: folder, size: size))
    }
  }

  @Test func childrenShareOneCopyAndAnswerAsWithTheirOwn() async throws {
    try await withParts { parts in
      let tokens = prompt(9)
      for name in ["a", "b"] {
        let answer = try await parts.engine.whole(greedy(name, tokens, name))
        #expect(answer.ids == (try await parts.expected(name, tokens)), "\(name)")
        #expect(answer.mix == name)
      }
      #expect(parts.loads("below") == 1 && parts.loads("a") == 1 && parts.loads("b") == 1)
      #expect(await parts.shelf.bytes == 3 * parts.size)
      // By its own name it is the same one.
      _ = try await parts.engine.whole(greedy("p", tokens, "below"))
      #expect(parts.loads("below") == 1)
      #expect(await parts.shelf.bytes == 3 * parts.size)
      let mixed = try await parts.engine.whole(greedy("m", tokens, "a=0.5+b=0.5"))
      #expect(mixed.ids.count == 12)
    }
  }

  @Test func childrenAskedForTogetherReadTheirParentOnce() async throws {
    try await withParts { parts in
      let answers = try await parts.engine.together(
        (0..<12).map { greedy("\($0)", prompt(5), ["a", "b"][$0 % 2]) })
      #expect(Set(answers.map(\.ids)).count == 2)
      #expect(parts.loads("below") == 1 && parts.loads("a") == 1 && parts.loads("b") == 1)
    }
  }

  @Test func aParentStaysAsLongAsAChildAndGoesAfterIt() async throws {
    try await withParts(adapters: 2) { parts in
      for name in ["a", "b", "a"] { _ = try await parts.engine.whole(greedy(name, prompt(5), name)) }
      try await parts.engine.settled()
      await parts.shelf.trim()
      #expect(parts.loads("below") == 1 && parts.loads("a") == 2, "each child makes room for the other alone")
      #expect(await parts.shelf.bytes == 2 * parts.size)
      _ = try await parts.engine.whole(greedy("c", prompt(5), "c"))
      try await parts.engine.settled()
      await parts.shelf.trim()
      #expect(await parts.shelf.bytes <= 2 * parts.size)
      #expect(await parts.shelf.residents.keys.map(\.name).contains("c"))
      #expect(await !parts.shelf.residents.keys.map(\.name).contains("a"))
    }
  }

  @Test func aParentThatWasUnloadedIsTakenBackFromTheChildThatHoldsIt() async throws {
    try await withParts { parts in
      _ = try await parts.engine.whole(greedy("1", prompt(5), "a"))
      try await parts.engine.unload("below")
      #expect(await parts.shelf.residents.keys.map(\.name) == ["a"])
      _ = try await parts.engine.whole(greedy("2", prompt(5), "below"))
      _ = try await parts.engine.whole(greedy("3", prompt(5), "b"))
      #expect(parts.loads("below") == 1)
      #expect(await parts.shelf.bytes == 3 * parts.size)
      #expect(await parts.shelf.residents.keys.map(\.name).sorted() == ["a", "b", "below"])
    }
  }

  @Test func aParentThatChangedIsReadAnewWithItsChild() async throws {
    try await withParts { parts in
      let tokens = prompt(9)
      let before = try await parts.engine.whole(greedy("1", tokens, "a")).ids
      try noisyWeights(parts.base, seed: 77).write(to: parts.folder.appending(path: "below"))
      let after = try await parts.engine.whole(greedy("2", tokens, "a"))
      #expect(after.ids == (try await parts.expected("a", tokens)))
      #expect(after.ids != before && after.cachedTokens == 0)
    }
  }

  @Test func aParentThatCannotBeReadIsToldByTheChildsName() async throws {
    try await withParts { parts in
      let weights = parts.folder.appending(path: "below/adapter_model.safetensors")
      try Data(contentsOf: weights).prefix(100).write(to: weights)
      do {
        _ = try await parts.engine.whole(greedy("1", prompt(4), "a"))
        Issue.record("it was answered")
      } catch ServingError.unusableAdapter(let name, let reason) {
        #expect(name == "a" && !reason.contains(parts.folder.path), "\(reason)")
      }
      #expect(try await parts.engine.whole(greedy("2", prompt(4), "c")).ids.count == 12)
    }
  }
}
