import MotetModels
import MotetTensor
import Testing

@Suite struct GenerationTests {
  /// Feeds prompts of several lengths as one batch, then single tokens, and compares each step's logits with
  /// those of the whole sequence so far.
  @Compute static func largestCacheError(_ base: BaseModel, prompts: [[Int32]], steps: Int) throws -> Float {
    let pool = base.keyValuePool()
    let caches = prompts.map { _ in KeyValueCache(in: pool) }
    var sequences = prompts
    var next = prompts
    var starts = prompts.map { _ in 0 }
    var worst: Float = 0
    for step in 0..<steps {
      let rows = next.indices.map {
        BatchRow(tokens: next[$0], mix: .base, start: starts[$0], cache: caches[$0])
      }
      var end = -1
      let last = next.map { tokens in
        end += tokens.count
        return end
      }
      let logits = try base.logits(rows, at: last, on: Tape(recording: false))
      let width = logits.columns
      for index in next.indices {
        let cached = Array(logits.values[index * width..<(index + 1) * width])
        let whole = try base.wholeLogits(sequences[index], mix: .base).suffix(width)
        worst = max(worst, largestDifference(cached, Array(whole)))
        starts[index] = sequences[index].count
        let token = Int32((step * 31 + index * 17 + 7) % (width - 3)) + 3
        next[index] = [token]
        sequences[index].append(token)
      }
    }
    return worst
  }

  @Test @Compute func cachedStepsInABatchGiveTheLogitsOfTheWholeSequence() async throws {
    let base = try await TinyModel.load()
    let prompts: [[Int32]] = [[3, 4, 5, 6, 7, 8, 9], [10], [11, 12, 13]]
    let worst = try Self.largestCacheError(base, prompts: prompts, steps: 12)
    #expect(worst < 1e-4)
  }

  @Test(.enabled(if: SmolLM2.isThere))
  @Compute func cachedStepsOfTheRealModelGiveTheLogitsOfTheWholeSequence() async throws {
    let base = try await SmolLM2.load(.f32)
    let prompts = try SmolLM2.fixture().rows.prefix(3).map(\.ids)
    let worst = try Self.largestCacheError(base, prompts: Array(prompts), steps: 4)
    print("largest difference of cached logits: \(worst)")
    #expect(worst < 5e-4)
  }

  @Test @Compute func fewPlacesGiveTheSameAnswersAsMany() async throws {
    let base = try await TinyModel.load()
    let requests = (0..<7).map { index in
      GenerationRequest(
        prompt: (0...index).map { Int32(3 + $0 * 5) }, mix: .base, maximumTokens: 4 + index, ignoresEnd: true)
    }
    let many = try await base.complete(requests, maximumRows: 7)
    let few = try await base.complete(requests, maximumRows: 2)
    #expect(many == few)
    #expect(many.map(\.count) == Array(4...10))
  }

  @Compute private func answers(_ sampling: Sampling) async throws -> [Int32] {
    let base = try await TinyModel.load()
    return try await base.complete([
      GenerationRequest(
        prompt: [3, 4, 5], mix: .base, maximumTokens: 24, sampling: sampling, ignoresEnd: true)
    ])[0]
  }

  @Test @Compute func aSeedReproducesAnAnswerAndAnotherDoesNot() async throws {
    let first = try await answers(Sampling(temperature: 1, seed: 1))
    let again = try await answers(Sampling(temperature: 1, seed: 1))
    let other = try await answers(Sampling(temperature: 1, seed: 2))
    #expect(first == again)
    #expect(first != other)
  }

  @Test @Compute func theLikeliestAloneIsGreedy() async throws {
    let greedy = try await answers(.greedy)
    #expect(try await answers(Sampling(temperature: 1.5, topK: 1, seed: 9)) == greedy)
    #expect(try await answers(Sampling(temperature: 1.5, topP: 1e-6, seed: 9)) == greedy)
    #expect(try await answers(Sampling(temperature: 1.5, seed: 9)) != greedy)
  }
}
