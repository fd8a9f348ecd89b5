import Foundation
import Testing

@testable import MotetServing

/// Against the logits processors of `transformers`, by Tests/Fixtures/sampling.py.
@Suite struct SamplingTests {
  private struct Fixture: Decodable {
    struct Case: Decodable {
      var temperature: Float
      var topK: Int?
      var topP: Float?
      var minP: Float?
      var repetitionPenalty: Float?
      var presencePenalty: Float?
      var frequencyPenalty: Float?
      var logitBias: [String: Float]?
      var likeliest: Int32
      var left: Int
      var tokens: [Int32]
      var probabilities: [Double]

      var sampling: ServingSampling {
        var sampling = ServingSampling()
        sampling.temperature = temperature
        sampling.topK = topK ?? 0
        sampling.topP = topP ?? 1
        sampling.minP = minP ?? 0
        sampling.repetitionPenalty = repetitionPenalty ?? 1
        sampling.presencePenalty = presencePenalty ?? 0
        sampling.frequencyPenalty = frequencyPenalty ?? 0
        for (token, bias) in logitBias ?? [:] { sampling.logitBias[Int32(token) ?? 0] = bias }
        sampling.seed = 7
        return sampling
      }
    }
    struct Logprobs: Decodable {
      var tokens: [Int32]
      var values: [Float]
      var of123: Float
    }
    var count: Int
    var prompt: [Int32]
    var answer: [Int32]
    var cases: [Case]
    var logprobs: Logprobs

    var logits: [Float] {
      (0..<count).map { Float(8 * sin(Double($0) * 1.7) + 3 * cos(Double($0) * 0.37)) }
    }

    static func read() throws -> Fixture {
      let file = TinyModel.folder.appending(path: "../sampling.json").standardizedFileURL
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    }
  }

  /// Draws after an answer that is forced token by token.
  private static func draw(
    _ sampler: TokenSampler, _ logits: [Float], scratch: SamplerScratch
  ) -> (token: Int32?, after: TokenSampler) {
    var (sampler, logits) = (sampler, logits)
    let token = logits.withUnsafeMutableBufferPointer { sampler.choose($0, allowed: nil, scratch: scratch) }
    return (token, sampler)
  }

  private static func sampler(_ sampling: ServingSampling, _ fixture: Fixture) -> TokenSampler {
    var sampler = TokenSampler(sampling, prompt: fixture.prompt)
    let scratch = SamplerScratch()
    for token in fixture.answer {
      var forced = [Float](repeating: -1e9, count: fixture.count)
      forced[Int(token)] = 1e9
      sampler = draw(sampler, forced, scratch: scratch).after
    }
    return sampler
  }

  @Test func drawsFollowTheDistributionThatFiltersLeave() throws {
    let fixture = try Fixture.read()
    let scratch = SamplerScratch()
    let logits = fixture.logits
    let draws = 10_000
    for (index, example) in fixture.cases.enumerated() {
      var sampler = Self.sampler(example.sampling, fixture)
      let forced = sampler
      var counts: [Int32: Int] = [:]
      for _ in 0..<draws {
        let (token, after) = Self.draw(sampler, logits, scratch: scratch)
        counts[try #require(token), default: 0] += 1
        // Goes on with the generator but not with the counts of what was drawn.
        sampler = forced.goingOn(from: after)
      }
      if example.left <= 400 {
        #expect(Set(counts.keys).isSubset(of: Set(example.tokens)), "case \(index)")
      }
      var distance = 0.0
      for (token, probability) in zip(example.tokens, example.probabilities) {
        let share = Double(counts[token, default: 0]) / Double(draws)
        distance += abs(share - probability)
        let deviation = (probability * (1 - probability) / Double(draws)).squareRoot()
        #expect(abs(share - probability) < 5 * deviation + 1e-4, "case \(index), token \(token)")
      }
      #expect(distance < 0.2, "case \(index)")
    }
  }

  @Test func filtersLeaveAsManyTokensAsTheyShould() throws {
    let fixture = try Fixture.read()
    let scratch = SamplerScratch()
    for example in fixture.cases where example.logitBias == nil && example.repetitionPenalty == nil {
      let sampling = example.sampling
      guard sampling.topK > 0 || sampling.topP < 1, sampling.presencePenalty == 0 else { continue }
      let logits = fixture.logits
      logits.withUnsafeBufferPointer { logits in
        scratch.prepare(logits.count)
        let highest = VectorMath.maximum(logits) ?? 0
        let total = VectorMath.exponentials(
          logits, highest: highest, scale: 1 / sampling.temperature, into: scratch.weights)
        let kept = scratch.likeliest(
          logits, atLeast: sampling.minP, topK: sampling.topK, topP: Double(sampling.topP), total: total)
        #expect(kept.count == example.left)
        #expect(Set(kept.prefix(400)) == Set(example.tokens) || example.left > 400)
      }
    }
  }

  @Test func withoutTemperatureTheLikeliestIsTakenAfterPenalties() throws {
    let fixture = try Fixture.read()
    for example in fixture.cases {
      var sampling = example.sampling
      sampling.temperature = 0
      let sampler = Self.sampler(sampling, fixture)
      #expect(Self.draw(sampler, fixture.logits, scratch: SamplerScratch()).token == example.likeliest)
    }
  }

  @Test func logprobsAreTheModelsOwnWithTheLikeliestBesideThem() throws {
    let fixture = try Fixture.read()
    let logits = fixture.logits
    let found = try #require(logits.withUnsafeBufferPointer { TokenLogprobs($0, alternatives: 20) })
    let token = found.token(123, logit: logits[123])
    #expect(abs((token.logprob ?? 0) - fixture.logprobs.of123) < 1e-4)
    #expect(token.alternatives.map(\.id) == fixture.logprobs.tokens)
    for (alternative, expected) in zip(token.alternatives, fixture.logprobs.values) {
      #expect(abs(alternative.logprob - expected) < 1e-5)
    }
    #expect(found.token(1, logit: 0).alternatives.count == 20)
  }

  @Test func aSeedReproducesAnAnswerInAnyCompanyAndAnotherDoesNot() async throws {
    let base = try await TinyModel.load()
    let engine = await ServingEngine(base, library: nil)
    func request(_ seed: UInt64?) -> ServingRequest {
      var request = greedy("\(seed ?? 0)", prompt(6), tokens: 24)
      request.sampling.temperature = 1
      request.sampling.topP = 0.9
      request.sampling.seed = seed
      return request
    }
    let alone = try await engine.whole(request(1))
    let answers = try await engine.together([request(2), request(1), request(nil), request(nil), request(1)])
    #expect(answers[1].ids == alone.ids && answers[4].ids == alone.ids)
    #expect(answers[0].ids != alone.ids)
    #expect(answers[2].ids != answers[3].ids)
  }

  @Test func aLogitThatIsNoNumberIsFoundAndMinusInfinityIsNot() {
    for place in [0, 5, 15, 16, 40, 98] {
      var values = (0..<99).map { Float($0) - 120 }
      values[3] = -.infinity
      #expect(values.withUnsafeBufferPointer { VectorMath.maximum($0) } == -22)
      values[place] = .nan
      #expect(values.withUnsafeBufferPointer { VectorMath.maximum($0) } == nil)
      values[place] = .infinity
      #expect(values.withUnsafeBufferPointer { VectorMath.maximum($0) } == nil)
    }
  }

  @Test func exponentialsAreThoseOfTheLibrary() {
    let values = (0..<4099).map { -Float($0) * 0.02 }
    var found = [Float](repeating: 0, count: values.count)
    let total = values.withUnsafeBufferPointer { values in
      found.withUnsafeMutableBufferPointer {
        VectorMath.exponentials(values, highest: 0, scale: 1, into: $0.baseAddress)
      }
    }
    var sum = 0.0
    for (value, own) in zip(values, found) {
      let expected = exp(Double(value))
      sum += expected
      #expect(abs(Double(own) - expected) <= 3e-7 * expected + 1e-37)
    }
    #expect(abs(total - sum) < 1e-5 * sum)
  }

  @Test func aTemperatureThatIsAlmostNothingIsGreedy() {
    var sampling = ServingSampling()
    sampling.temperature = 1e-40
    sampling.seed = 1
    var sampler = TokenSampler(sampling, prompt: [])
    var logits: [Float] = [0, 3, 9, 2, 1]
    let token = logits.withUnsafeMutableBufferPointer {
      sampler.choose($0, allowed: nil, scratch: SamplerScratch())
    }
    #expect(token == 2)
  }
}

extension TokenSampler {
  /// These counts with the generator of another.
  fileprivate func goingOn(from other: TokenSampler) -> TokenSampler {
    var result = self
    result.generator = other.generator
    return result
  }
}
