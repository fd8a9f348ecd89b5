import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

@Suite struct BatchingTests {
  private static func requests() -> [ServingRequest] {
    let mixes = ["base", "a", "b", "a=0.5+b=0.4"]
    return (0..<12).map { index in
      greedy(
        "\(index)", prompt(1 + index * 6 % 41, seed: index), mixes[index * 3 % 4], tokens: 3 + index)
    }
  }

  private static func withEngine(
    _ options: ServingOptions = ServingOptions(), _ body: (ServingEngine, BaseModel) async throws -> Void
  ) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(["a", "b"], in: place, for: base)
      var options = options
      options.speculates = false
      let engine = await ServingEngine(base, library: nil, folders: [place], options: options)
      try await body(engine, base)
    }
  }

  @Test func aRequestsGreedyAnswerIsTheSameAloneAndInAnyBatch() async throws {
    try await Self.withEngine { engine, base in
      let requests = Self.requests()
      var alone: [Answer] = []
      for request in requests { alone.append(try await engine.whole(request)) }
      let together = try await engine.together(requests)
      let backwards = try await engine.together(requests.reversed()).reversed() as [Answer]
      for (index, answer) in alone.enumerated() {
        #expect(answer.ids.count == 3 + index)
        #expect(together[index].ids == answer.ids)
        #expect(backwards[index].ids == answer.ids)
        #expect(together[index].text == answer.text)
        #expect(answer.reason == .length)
      }
      #expect(Set(alone.map { $0.ids.prefix(3) }).count > 4)
    }
  }

  @Test func anAnswerThatComesWholeIsOnePieceOfTheSame() async throws {
    try await Self.withEngine { engine, base in
      var request = greedy("0", prompt(9, seed: 3), "a", tokens: 12)
      request.logprobs = 1
      let expected = try await engine.whole(request)
      request.comesWhole = true
      var pieces: [(text: String, tokens: [ServedToken])] = []
      for try await event in try await engine.answer(request) {
        if case .piece(let text, let tokens) = event { pieces.append((text, tokens)) }
      }
      #expect(pieces.count == 1)
      #expect(pieces.first?.text == expected.text)
      #expect(pieces.first?.tokens.map(\.id) == expected.ids)
    }
  }

  @Test func answersAreThoseOfTheBatchThatGenerates() async throws {
    try await Self.withEngine { engine, base in
      let requests = Self.requests().filter { $0.mix == .base }
      let expected = try await Compute.run {
        try await base.complete(
          requests.map {
            GenerationRequest(
              prompt: $0.prompt, mix: .base, maximumTokens: $0.maximumTokens, ignoresEnd: true)
          })
      }
      let answers = try await engine.together(requests)
      #expect(answers.map(\.ids) == expected)
    }
  }

  @Test func promptsReadInPiecesGiveTheAnswersOfPromptsReadAtOnce() async throws {
    let requests = Self.requests()
    var whole: [Answer] = []
    try await Self.withEngine { engine, _ in whole = try await engine.together(requests) }
    for budget in [1, 3, 7, 16] {
      var options = ServingOptions()
      options.tokensPerPass = budget
      options.promptTokensBesideAnswers = budget
      try await Self.withEngine(options) { engine, _ in
        let pieces = try await engine.together(requests)
        #expect(pieces.map(\.ids) == whole.map(\.ids), "\(budget) tokens a pass")
      }
    }
  }

  @Test func fewPlacesGiveTheAnswersOfMany() async throws {
    let requests = Self.requests()
    var many: [Answer] = []
    try await Self.withEngine { engine, _ in many = try await engine.together(requests) }
    var options = ServingOptions()
    options.maximumRows = 2
    try await Self.withEngine(options) { engine, _ in
      let few = try await engine.together(requests)
      #expect(few.map(\.ids) == many.map(\.ids))
    }
  }

  @Test func aFullQueueRefusesAndSaysWhenToComeBack() async throws {
    var options = ServingOptions()
    options.maximumRows = 1
    options.maximumWaiting = 2
    try await Self.withEngine(options) { engine, _ in
      var refused = 0
      var streams: [AsyncThrowingStream<ServingEvent, any Error>] = []
      for index in 0..<8 {
        do {
          streams.append(try await engine.answer(greedy("\(index)", prompt(60), tokens: 60)))
        } catch ServingError.queueFull(let seconds) {
          refused += 1
          #expect(seconds >= 1)
        }
      }
      #expect(refused >= 4)
      for stream in streams { for try await _ in stream {} }
    }
  }

  @Test func answersThatFillTheContextEndForLength() async throws {
    try await Self.withEngine { engine, base in
      let answer = try await engine.whole(greedy("long", prompt(100), tokens: 500))
      #expect(answer.reason == .length)
      #expect(answer.ids.count == 28)
      await #expect(throws: ServingError.self) { _ = try await engine.answer(greedy("longer", prompt(128))) }
    }
  }

  @Test func drainingFinishesWhatIsUnderWayAndTakesNothingNew() async throws {
    try await Self.withEngine { engine, _ in
      let stream = try await engine.answer(greedy("first", prompt(20), "a", tokens: 30))
      await engine.drain()
      #expect(await engine.status().running == 0)
      await #expect(throws: ServingError.self) { _ = try await engine.answer(greedy("second", prompt(5))) }
      var reason: FinishReason?
      for try await event in stream { if case .ended(let found, _) = event { reason = found } }
      #expect(reason == .length)
    }
  }

  @Test func plansGivePromptsASmallShareWhileAnswersWait() {
    let plan = PassPlan(tokensPerPass: 512, promptTokensBesideAnswers: 64)
    typealias Demand = PassPlan.Demand
    let answering = Demand(missing: 1, isReading: false)
    #expect(plan.shares([Demand(missing: 2000, isReading: true)]) == [512])
    #expect(plan.shares([answering, Demand(missing: 2000, isReading: true), answering]) == [1, 64, 1])
    #expect(
      plan.shares([Demand(missing: 40, isReading: true), answering, Demand(missing: 40, isReading: true)])
        == [40, 1, 24])
    let many = [Demand](repeating: answering, count: 600) + [Demand(missing: 100, isReading: true)]
    #expect(plan.shares(many).last == 16)
  }
}
