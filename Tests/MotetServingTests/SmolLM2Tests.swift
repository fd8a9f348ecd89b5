import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

/// The real model, where it is there.
@Suite(.enabled(if: (try? ModelStore().find("smollm2-135m-instruct")) != nil))
struct SmolLM2Tests {
  private static func weights(_ base: BaseModel, seed: UInt64) throws -> AdapterWeights {
    let noisy = try noisyWeights(base, rank: 16, seed: seed)
    return try AdapterWeights(
      sites: noisy.sites.mapValues { site in
        try LowRankWeights(
          rank: site.rank, inputs: site.inputs, outputs: site.outputs, loraA: site.loraA,
          loraB: site.loraB.map { $0 * 0.2 }, scale: site.scale)
      })
  }

  @Test func answersOfManyMixesTogetherAreThoseOfEachAlone() async throws {
    let base = try await BaseModel.load("smollm2-135m-instruct", precision: .f32)
    try await TinyModel.withFolder { place in
      for index in 0..<4 {
        try Self.weights(base, seed: UInt64(index + 1)).write(to: place.appending(path: "n\(index)"))
      }
      var options = ServingOptions()
      options.promptTokensBesideAnswers = 16
      let engine = await ServingEngine(base, library: nil, folders: [place], options: options)
      let texts = ["What is 3/4 of 12?", "Write a haiku about rain.", "def area(r):", "Who wrote Hamlet?"]
      let requests = try (0..<8).map { index in
        let prompt = try base.promptTokens(texts[index % 4])
        let name = ["base", "n0", "n1", "n2", "n3", "n0=0.5+n1=0.4", "n1", "base"][index]
        return greedy("\(index)", prompt, name, tokens: 24)
      }
      var alone: [Answer] = []
      for request in requests { alone.append(try await engine.whole(request)) }
      let began = ContinuousClock.now
      let together = try await engine.together(requests)
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      print("8 requests of 6 mixes in f32: \(8 * 24 / seconds) tokens/s")
      #expect(together.map(\.ids) == alone.map(\.ids))
      #expect(Set(alone.map(\.text)).count > 5)
    }
  }

  @Test func aSchemaMakesItAnswerInJSON() async throws {
    let base = try await BaseModel.load("smollm2-135m-instruct")
    let engine = await ServingEngine(base, library: nil)
    let prompt = try base.promptTokens("Tell me of a city, as JSON.")
    var request = greedy("0", prompt, tokens: 120, ignoresEnd: false)
    request.format = .schema(
      #"{"type":"object","properties":{"city":{"type":"string","maxLength":40},"people":{"type":"integer"}},"#
        + #""required":["city","people"]}"#)
    let answer = try await engine.whole(request)
    print(answer.text)
    #expect(answer.reason == .stop)
    let object = try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any]
    #expect(object?["city"] is String && object?["people"] is Int)
  }
}
