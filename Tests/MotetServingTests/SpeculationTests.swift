import MotetModels
import Testing

@testable import MotetServing

@Suite struct SpeculationTests {
  private static func answers(_ requests: [ServingRequest], speculates: Bool) async throws -> [Answer] {
    let base = try await TinyModel.load()
    var options = ServingOptions()
    options.speculates = speculates
    let engine = await ServingEngine(base, library: nil, options: options)
    var answers: [Answer] = []
    for request in requests { answers.append(try await engine.whole(request)) }
    return answers + (try await engine.together(requests))
  }

  @Test func answersAreTheSameWithGuessesAndWithout() async throws {
    // A greedy answer of a small model soon goes in circles, which is what guesses are good at.
    var requests = (0..<3).map { greedy("\($0)", prompt(6 + $0 * 5, seed: $0), tokens: 90) }
    for index in 0..<3 {
      var drawn = requests[index]
      drawn.sampling.temperature = [0.2, 0.6, 1][index]
      drawn.sampling.seed = UInt64(index)
      drawn.sampling.repetitionPenalty = [1, 1, 1.1][index]
      drawn.logprobs = 2
      requests.append(drawn)
    }
    let without = try await Self.answers(requests, speculates: false)
    let with = try await Self.answers(requests, speculates: true)
    #expect(with.map(\.ids) == without.map(\.ids))
    #expect(with.map(\.text) == without.map(\.text))
  }

  @Test func whatFollowedTheLastTokensIsGuessed() {
    var lookup = PromptLookup()
    #expect(lookup.guess([1, 2, 3, 4, 5, 9, 2, 3], count: 3) == [4, 5, 9])
    #expect(lookup.guess([1, 2, 3, 4, 5, 9, 2, 3, 4], count: 8) == [5, 9, 2, 3, 4])
    #expect(lookup.guess([1, 2, 3, 4, 5, 9, 2, 3, 4, 7], count: 3).isEmpty)
  }

  @Test func wrongGuessesMakeItKeepQuietForAWhile() {
    var lookup = PromptLookup()
    let tokens: [Int32] = [1, 2, 3, 1, 2]
    for _ in 0..<4 { lookup.learn(accepted: 0, of: 4) }
    #expect(lookup.guess(tokens, count: 2).isEmpty)
    for _ in 0..<40 { _ = lookup.guess(tokens, count: 2) }
    #expect(lookup.guess(tokens, count: 2) == [3, 1])
  }
}
