import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

@Suite struct PagesTests {
  private static func withEngine(
    pages: Int? = nil, rows: Int = 64, _ body: (ServingEngine) async throws -> Void
  ) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(["a", "b"], in: place, for: base)
      var options = ServingOptions()
      options.speculates = false
      options.maximumRows = rows
      if let pages { options.cacheBytes = await pages * base.keyValuePool().pageBytes }
      let engine = await ServingEngine(base, library: nil, folders: [place], options: options)
      try await body(engine)
    }
  }

  @Test func answersThatAreSetAsideForWantOfPagesAreTheSame() async throws {
    let requests = (0..<8).map {
      greedy("\($0)", prompt(20 + $0 * 3, seed: $0), ["base", "a", "b"][$0 % 3], tokens: 60)
    }
    var roomy: [Answer] = []
    try await Self.withEngine { engine in
      roomy = try await engine.together(requests)
      #expect(roomy.allSatisfy { $0.reason == .length && $0.ids.count == 60 })
    }
    // Three sequences of the longest fit; all begin.
    try await Self.withEngine(pages: 10) { engine in
      let tight = try await engine.together(requests)
      #expect(tight.map(\.ids) == roomy.map(\.ids))
      #expect(tight.map(\.text) == roomy.map(\.text))
      try await engine.settled()
      let status = await engine.status()
      #expect(status.pages == 10)
      #expect(status.usedPages <= 10)
    }
    // One page is a context of 32 tokens: less than the model's.
    try await Self.withEngine(pages: 1) { engine in
      #expect(engine.context == KeyValuePool.pageTokens)
      let answer = try await engine.whole(greedy("short", prompt(20), tokens: 60))
      #expect(answer.reason == .length)
      #expect(answer.ids.count == KeyValuePool.pageTokens - 20)
    }
  }

  @Test func aPromptThatBeganAlikeIsReadFromThereAndAnswersAreTheSame() async throws {
    let long = prompt(100)
    let branch = Array(long.prefix(70)) + prompt(20, seed: 5)
    var plain: [Answer] = []
    for tokens in [long, branch] {
      try await Self.withEngine { engine in plain.append(try await engine.whole(greedy("0", tokens))) }
    }
    try await Self.withEngine { engine in
      let first = try await engine.whole(greedy("1", long))
      let again = try await engine.whole(greedy("2", long))
      let other = try await engine.whole(greedy("3", branch))
      #expect(first.cachedTokens == 0)
      #expect(again.cachedTokens == 96)
      #expect(other.cachedTokens == 64)
      #expect(again.usage?.cachedTokens == 96)
      #expect(first.ids == plain[0].ids && again.ids == plain[0].ids)
      #expect(other.ids == plain[1].ids)
    }
  }

  @Test func nothingIsSharedBetweenMixes() async throws {
    let long = prompt(100)
    let mixes = ["base", "a", "b", "a=0.5+b=0.4", "a=0.5+b=0.41"]
    var alone: [Answer] = []
    for name in mixes {
      try await Self.withEngine { engine in alone.append(try await engine.whole(greedy("0", long, name))) }
    }
    try await Self.withEngine { engine in
      for (index, name) in mixes.enumerated() {
        let answer = try await engine.whole(greedy(name, long, name))
        #expect(answer.cachedTokens == 0, "\(name)")
        #expect(answer.ids == alone[index].ids, "\(name)")
      }
      for (index, name) in mixes.enumerated() {
        let answer = try await engine.whole(greedy(name, long, name))
        #expect(answer.cachedTokens == 96, "\(name)")
        #expect(answer.ids == alone[index].ids, "\(name)")
      }
    }
  }

  @Test func nothingIsSharedBetweenSalts() async throws {
    try await Self.withEngine { engine in
      func cached(_ salt: [String]) async throws -> Int {
        var request = greedy("0", prompt(100))
        request.cacheSalt = salt
        return try await engine.whole(request).cachedTokens
      }
      for salt in [[], ["acme"], ["globex"], ["acme", "x"]] {
        let (first, again) = (try await cached(salt), try await cached(salt))
        #expect(first == 0 && again == 96, "\(salt)")
      }
    }
  }

  @Test func theAnswerToAFirstTurnIsNotReadAgainInTheSecond() async throws {
    try await Self.withEngine { engine in
      let first = try await engine.whole(greedy("1", prompt(30), tokens: 40))
      let second = try await engine.whole(greedy("2", prompt(30) + first.ids + prompt(5, seed: 3)))
      #expect(second.cachedTokens == 64)
    }
  }

  @Test func keptPagesAreGivenBackWhenPagesAreShort() async throws {
    try await Self.withEngine(pages: 6, rows: 1) { engine in
      for seed in 0..<12 {
        let answer = try await engine.whole(greedy("\(seed)", prompt(90, seed: seed), tokens: 20))
        #expect(answer.ids.count == 20)
      }
      #expect(await engine.status().usedPages <= 6)
    }
  }

  @Test @Compute func theLeastRecentlyUsedPageGoesFirstAndHeldOnesStay() async throws {
    let base = try await TinyModel.load()
    let pool = base.keyValuePool(budget: 4 * base.keyValuePool().pageBytes)
    let prefixes = PrefixCache()
    let size = KeyValuePool.pageTokens
    var held: [SequenceCache] = []
    for seed in 0..<3 {
      let cache = SequenceCache(prompt(size, seed: seed), mix: .base, pool: pool, prefixes: prefixes)
      #expect(cache.cache.reserve(size))
      cache.keepFullPages(prompt(size, seed: seed), computed: size)
      if seed == 1 { held.append(cache) }
    }
    #expect(pool.usedPages == 3)
    // The first is used again; the second is held; so the third goes.
    _ = prefixes.match(prompt(size + 1, seed: 0), mix: .base)
    #expect(prefixes.giveBack(1) == 1)
    #expect(prefixes.match(prompt(size + 1, seed: 2), mix: .base).pages.isEmpty)
    #expect(prefixes.match(prompt(size + 1, seed: 0), mix: .base).pages.count == 1)
    #expect(prefixes.giveBack(5) == 1)
    #expect(prefixes.giveBack(5) == 0)
    #expect(pool.usedPages == 1)
    held = []
    #expect(prefixes.giveBack(5) == 1)
    #expect(pool.usedPages == 0)
  }

  @Test func clientsThatGoAwayFreeTheirRowsAndPages() async throws {
    try await Self.withEngine(pages: 12) { engine in
      let requests = (0..<6).map { greedy("\($0)", prompt(20, seed: $0), "a", tokens: 100) }
      let tasks = requests.map { request in
        Task {
          var count = 0
          for try await event in try await engine.answer(request) {
            if case .piece = event { count += 1 }
            if count == 2 { return }
          }
        }
      }
      for task in tasks { try await task.value }
      try await engine.settled()
      let status = await engine.status()
      #expect(status.running == 0 && status.waiting == 0)
      // What is left is kept for later prompts and goes when it is needed: twelve pages for three long ones.
      let answers = try await engine.together(
        (0..<3).map { greedy("\($0)", prompt(60, seed: $0 + 20), tokens: 60) })
      #expect(answers.allSatisfy { $0.ids.count == 60 })
    }
  }

  @Test func aCancelledTaskEndsItsRequest() async throws {
    try await Self.withEngine { engine in
      let task = Task { try await engine.whole(greedy("0", prompt(5), tokens: 120)) }
      try await Task.sleep(for: .milliseconds(3))
      task.cancel()
      _ = try? await task.value
      try await engine.settled()
      #expect(await engine.status().running == 0)
    }
  }
}
