import Foundation
import MetricsTestKit
import MotetAdapters
import MotetModels
import Testing

@testable import MotetServing

@Suite struct AdapterShelfTests {
  private static func withEngine(
    _ names: [String] = ["a", "b", "c", "d"], memory: Int = 1 << 30, library: AdapterLibrary? = nil,
    rows: Int = 64, _ body: (ServingEngine, BaseModel, URL) async throws -> Void
  ) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(names, in: place, for: base)
      var options = ServingOptions()
      options.adapterMemory = memory
      options.maximumRows = rows
      let engine = await ServingEngine(base, library: library, folders: [place], options: options)
      try await body(engine, base, place)
    }
  }

  private static func loaded(_ engine: ServingEngine) async throws -> [String] {
    try await engine.adapters().filter(\.isLoaded).map(\.name)
  }

  /// Bytes that one of them takes.
  private static func size(_ engine: ServingEngine) async throws -> Int {
    try await engine.adapters().first { $0.isLoaded }?.bytes ?? 0
  }

  @Test func adaptersAreReadOnFirstUseAndTheLeastRecentlyUsedGoFirst() async throws {
    var size = 0
    try await Self.withEngine { engine, _, _ in
      #expect(try await Self.loaded(engine).isEmpty)
      _ = try await engine.whole(greedy("1", prompt(4), "a"))
      #expect(try await Self.loaded(engine) == ["a"])
      size = try await Self.size(engine)
      #expect(size > 0)
    }
    try await Self.withEngine(memory: size * 5 / 2) { engine, _, _ in
      for name in ["a", "b", "a", "c"] { _ = try await engine.whole(greedy(name, prompt(4), name)) }
      try await engine.settled()
      #expect(try await Self.loaded(engine) == ["a", "c"])
      try await engine.pin("a", true)
      for name in ["b", "c", "d"] { _ = try await engine.whole(greedy(name, prompt(4), name)) }
      try await engine.settled()
      let loaded = try await Self.loaded(engine)
      #expect(loaded.contains("a") && loaded.count == 2)
      await #expect(throws: ServingError.self) { try await engine.unload("a") }
      try await engine.pin("a", false)
      try await engine.unload("a")
      #expect(try await !Self.loaded(engine).contains("a"))
    }
  }

  /// None of them was in memory when it was asked for.
  @Test func ofAdaptersThatWereAskedForOnceTheFirstGoes() async throws {
    var size = 0
    try await Self.withEngine { engine, _, _ in
      _ = try await engine.whole(greedy("1", prompt(4), "a"))
      size = try await Self.size(engine)
    }
    try await Self.withEngine(memory: size * 5 / 2) { engine, _, _ in
      let names = ["a", "b", "c", "d", "a", "c", "b", "d"]
      for (before, name) in zip([""] + names, names) {
        _ = try await engine.whole(greedy(before + name, prompt(4), name))
        try await engine.settled()
        let kept = try await Set(Self.loaded(engine))
        #expect(before == "" ? kept == [name] : kept == [before, name])
      }
    }
  }

  @Test func underABudgetForOneAdapterManyRequestsGetTheAnswersOfTheirOwn() async throws {
    let names = ["a", "b", "c", "d"]
    let requests = (0..<16).map { greedy("\($0)", prompt(6, seed: $0), names[$0 * 7 % 4], tokens: 10) }
    var expected: [Answer] = []
    var size = 0
    try await Self.withEngine { engine, _, _ in
      expected = try await engine.together(requests)
      size = try await Self.size(engine)
    }
    try await Self.withEngine(memory: size + size / 2) { engine, _, _ in
      let found = try await engine.together(requests)
      #expect(found.map(\.ids) == expected.map(\.ids))
      #expect(found.map(\.mix) == requests.map { "\($0.mix)" })
      try await engine.settled()
      #expect(try await Self.loaded(engine).count == 1)
    }
  }

  @Test func aReplacedAdapterAnswersNewRequestsAndOldOnesFinishWithTheirs() async throws {
    try await Self.withEngine(["x"]) { engine, base, place in
      let old = try await engine.whole(greedy("0", prompt(8), "x", tokens: 60))
      // Under way when its files are replaced.
      let stream = try await engine.answer(greedy("1", prompt(8), "x", tokens: 60))
      try noisyWeights(base, seed: 99).write(to: place.appending(path: "x"))
      let new = try await engine.whole(greedy("2", prompt(8), "x", tokens: 60))
      var ids: [Int32] = []
      for try await event in stream { if case .piece(_, let tokens) = event { ids += tokens.map(\.id) } }
      #expect(ids == old.ids)
      #expect(new.ids != old.ids)
      #expect(try await engine.whole(greedy("3", prompt(8), "x", tokens: 60)).ids == new.ids)
      #expect(new.cachedTokens == 0)
    }
  }

  @Test func loadsAndUnloadsUnderLoadMixNothingUp() async throws {
    try await Self.withEngine { engine, base, place in
      let names = ["a", "b", "c", "d"]
      var expected: [String: [Int32]] = [:]
      for name in names {
        expected[name] = try await engine.whole(greedy(name, prompt(9), name, tokens: 20)).ids
      }
      let requests = (0..<40).map { greedy("\($0)", prompt(9), names[$0 % 4], tokens: 20) }
      async let answers = engine.together(requests)
      for round in 0..<30 {
        try await engine.unload(names[round % 4])
        try await engine.load("named", from: place.appending(path: names[round % 4]).path)
        try await engine.unload("named")
      }
      for (request, answer) in zip(requests, try await answers) {
        #expect(answer.ids == expected["\(request.mix)"])
      }
    }
  }

  @Test func aNewVersionOfTheLibraryIsSeenAndOldOnesCanBeNamed() async throws {
    try await TinyModel.withFolder { root in
      let library = AdapterLibrary(root: root)
      try await Self.withEngine([], library: library) { engine, base, _ in
        try library.add("math") { try noisyWeights(base, seed: 1).write(to: $0) }
        let first = try await engine.whole(greedy("1", prompt(8), "math"))
        #expect(first.mix == "math@1")
        try library.add("math") { try noisyWeights(base, seed: 2).write(to: $0) }
        let second = try await engine.whole(greedy("2", prompt(8), "math"))
        #expect(second.mix == "math@2")
        #expect(second.ids != first.ids)
        #expect(try await engine.whole(greedy("3", prompt(8), "math@1")).ids == first.ids)
        let list = try await engine.adapters()
        #expect(list.map(\.version) == [2, 1])
        #expect(list.allSatisfy { $0.parent == "tiny" && $0.method == "lora" && $0.rank == 4 })
        do {
          _ = try await engine.answer(greedy("4", prompt(8), "mth"))
          Issue.record("a name that is not there was taken")
        } catch ServingError.unknownModel(_, let near) { #expect(near == ["math"]) }
        await #expect(throws: ServingError.self) {
          _ = try await engine.answer(greedy("5", prompt(8), "math@7"))
        }
        await #expect(throws: ServingError.self) {
          _ = try await engine.answer(greedy("6", prompt(8), "math=0.5+math@2=0.5"))
        }
      }
    }
  }

  @Test func onlyFoldersGivenAtStartAreRead() async throws {
    try await Self.withEngine(["a"]) { engine, base, place in
      try await TinyModel.withFolder { outside in
        try noisyWeights(base, seed: 5).write(to: outside.appending(path: "evil"))
        let evil = outside.appending(path: "evil").path
        let link = place.appending(path: "link").path
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: evil)
        let files = place.appending(path: "files")
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
          try FileManager.default.createSymbolicLink(
            atPath: files.appending(path: name).path, withDestinationPath: evil + "/" + name)
        }
        for path in [
          evil, place.path + "/../" + outside.lastPathComponent + "/evil", link, "link", "../a", files.path,
          "/etc",
        ] {
          do {
            try await engine.load("evil", from: path)
            Issue.record("\(path) was read")
          } catch ServingError.forbiddenFolder { continue }
        }
        for name in ["link", "files"] {
          do {
            _ = try await engine.answer(greedy("1", prompt(4), name))
            Issue.record("\(name) was read")
          } catch ServingError.unknownModel(let told, _) { #expect(told == name) }
        }
        await #expect(throws: ServingError.self) { _ = try await engine.answer(greedy("2", prompt(4), evil)) }
        let below = AdapterRecord(motet: "test", standsOn: AdapterRecord.Parent(name: evil))
        try noisyWeights(base, seed: 6).write(to: place.appending(path: "child"), record: below)
        do {
          _ = try await engine.whole(greedy("3", prompt(4), "child"))
          Issue.record("the adapter below was read")
        } catch ServingError.unusableAdapter(let name, let reason) {
          #expect(name == "child" && !reason.contains("/"), "\(reason)")
        }
        #expect(try await engine.adapters().map(\.name) == ["a", "child"])
        try await engine.load("again", from: place.appending(path: "a").path)
        try await engine.load("short", from: "a")
        let own = try await engine.whole(greedy("4", prompt(4), "a"))
        #expect(try await engine.whole(greedy("5", prompt(4), "again")).ids == own.ids)
        #expect(try await engine.whole(greedy("6", prompt(4), "short")).ids == own.ids)
      }
    }
  }

  @Test func aLinkIsListedWhenWhatItLeadsToMayBeRead() async throws {
    try await TinyModel.withFolder { root in
      let base = try await TinyModel.load()
      let files = FileManager.default
      let (folder, outside) = (root.appending(path: "adapters"), root.appending(path: "outside"))
      try writeAdapters(["x"], in: folder.appending(path: "store"), for: base)
      try writeAdapters(["y"], in: folder, for: base)
      try writeAdapters(["z"], in: outside, for: base)
      for (name, path) in [
        ("deep", folder.path + "/store/x"), ("relative", "store/x"), ("beside", "y"), ("again", "beside"),
        ("foreign", outside.path + "/z"), ("up", "../outside/z"), ("nothing", "gone"),
      ] {
        try files.createSymbolicLink(atPath: folder.path + "/" + name, withDestinationPath: path)
      }
      // The folder that is given may be a link itself.
      let given = root.appending(path: "given")
      try files.createSymbolicLink(atPath: given.path, withDestinationPath: "adapters")
      for place in [folder, given] {
        let engine = await ServingEngine(base, library: nil, folders: [place])
        #expect(try await engine.adapters().map(\.name) == ["again", "beside", "deep", "relative", "y"])
        let own = try await engine.whole(greedy("1", prompt(4), "y"))
        #expect(try await engine.whole(greedy("2", prompt(4), "again")).ids == own.ids)
      }
    }
  }

  @Test func aBadAdapterHarmsOnlyItsOwnRequest() async throws {
    try await Self.withEngine(["a", "cut", "nan", "huge"]) { engine, base, place in
      let expected = try await engine.whole(greedy("0", prompt(7), "a", tokens: 30)).ids
      let cut = place.appending(path: "cut/adapter_model.safetensors")
      let bytes = try Data(contentsOf: cut)
      try bytes.prefix(bytes.count / 2).write(to: cut)
      var damaged = try Data(contentsOf: place.appending(path: "nan/adapter_model.safetensors"))
      damaged.replaceSubrange(damaged.count - 4..<damaged.count, with: [0, 0, 0xC0, 0x7F])
      try damaged.write(to: place.appending(path: "nan/adapter_model.safetensors"))
      // Finite values whose products are not.
      let weights = try noisyWeights(base, seed: 4)
      let sites = try weights.sites.mapValues { site in
        try LowRankWeights(
          rank: site.rank, inputs: site.inputs, outputs: site.outputs, loraA: site.loraA.map { $0 * 1e30 },
          loraB: site.loraB.map { $0 * 1e30 }, scale: site.scale)
      }
      try AdapterWeights(sites: sites).write(to: place.appending(path: "huge"))
      let names = ["a", "cut", "a", "nan", "a", "huge", "a"]
      let outcomes = await withTaskGroup(of: (Int, Result<[Int32], any Error>).self) { group in
        for (index, name) in names.enumerated() {
          group.addTask {
            do {
              return (
                index, .success(try await engine.whole(greedy("\(index)", prompt(7), name, tokens: 30)).ids)
              )
            } catch { return (index, .failure(error)) }
          }
        }
        return await group.reduce(into: [Int: Result<[Int32], any Error>]()) { $0[$1.0] = $1.1 }
      }
      for (index, name) in names.enumerated() {
        switch outcomes[index] {
        case .success(let ids): #expect(name == "a" && ids == expected)
        case .failure(let error):
          #expect(name != "a")
          #expect(!"\(error)".contains(place.path), "\(error)")
          guard case ServingError.unusableAdapter(let named, _) = error else {
            Issue.record("\(name): \(error)")
            continue
          }
          #expect(named == name)
        case nil: Issue.record("no outcome")
        }
      }
      #expect(await engine.status().running == 0)
    }
  }

  /// A server takes no `--force`, so nobody is told to give it.
  @Test func anAdapterOfOtherWeightsIsRefusedAsAServerCan() async throws {
    try await Self.withEngine([]) { engine, base, place in
      var identity = base.identity
      identity.sketch = identity.sketch.mapValues { $0.map { -$0 } }
      try noisyWeights(base, seed: 4).write(
        to: place.appending(path: "stray"), record: AdapterRecord(motet: "test", base: identity))
      let error = await #expect(throws: ServingError.self) {
        try await engine.whole(greedy("1", prompt(4), "stray"))
      }
      let told = error.map { "\($0)" } ?? ""
      #expect(told.contains("made for another base") && !told.contains("--force"), "\(told)")
    }
  }

  @Test func embeddingsAreTheMeanHiddenStatesUnderTheMix() async throws {
    try await Self.withEngine { engine, base, place in
      let texts = [prompt(5), prompt(90, seed: 1), prompt(1, seed: 2)]
      let own = try await engine.embed(texts, mix: .base)
      let expected = try await base.meanHiddenStates(texts)
      #expect(own == expected)
      let adapted = try await engine.embed(texts, mix: mix("a"))
      let adapter = try Adapter.load(place.appending(path: "a"), for: base)
      let bound = try await Mix(adapter).bound(to: base)
      let same = try await base.meanHiddenStates(texts, mix: bound)
      #expect(zip(adapted, same).allSatisfy { zip($0, $1).allSatisfy { abs($0 - $1) < 1e-4 } })
      #expect(adapted != own)
      await #expect(throws: ServingError.self) { _ = try await engine.embed([[]], mix: .base) }
    }
  }

  @Test func metricsCountByAdapter() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(["a"], in: place, for: base)
      let metrics = TestMetrics()
      var options = ServingOptions()
      options.metrics = metrics
      let engine = await ServingEngine(base, library: nil, folders: [place], options: options)
      _ = try await engine.whole(greedy("1", prompt(40), "a", tokens: 6))
      _ = try await engine.whole(greedy("2", prompt(40), "a", tokens: 4))
      let labels = [("adapter", "a"), ("version", "")]
      #expect(try metrics.expectCounter("motet_requests_total", labels).totalValue == 2)
      #expect(try metrics.expectCounter("motet_prompt_tokens_total", labels).totalValue == 80)
      #expect(try metrics.expectCounter("motet_generated_tokens_total", labels).totalValue == 10)
      #expect(
        try metrics.expectCounter("motet_finished_total", labels + [("reason", "length")]).totalValue == 2)
      #expect(try metrics.expectCounter("motet_adapter_loads_total", labels).totalValue == 1)
      #expect(try metrics.expectCounter("motet_prefix_cache_hit_tokens_total").totalValue == 32)
      #expect(try metrics.expectTimer("motet_first_token_seconds", labels).values.count == 2)
      #expect(try metrics.expectTimer("motet_token_gap_seconds", labels).values.count == 8)
    }
  }
}
