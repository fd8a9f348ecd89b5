import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

/// Adapters that are more than low-rank updates.
@Suite struct OtherMethodsTests {
  private static let virtual = TinyModel.folder.appending(path: "../virtual").standardizedFileURL

  private struct Expected: Decodable {
    let greedy: [[Int32]]
  }
  private struct Sequences: Decodable {
    let sequences: [[Int32]]
  }

  @Test(arguments: ["prompt", "prefix"])
  func virtualTokensGiveTheAnswersOfPEFTInAnyCompanyAndInPieces(method: String) async throws {
    let read = { (name: String) in try Data(contentsOf: TinyModel.folder.appending(path: name)) }
    let prompts = try JSONDecoder().decode(Sequences.self, from: read("expected.json")).sequences
    let expected = try JSONDecoder().decode([String: Expected].self, from: read("../virtual/expected.json"))
    let base = try await TinyModel.load()
    for budget in [512, 3] {
      var options = ServingOptions()
      options.tokensPerPass = budget
      let engine = await ServingEngine(base, library: nil, folders: [Self.virtual], options: options)
      let requests =
        prompts.map { greedy("own", $0, method) } + prompts.map { greedy("other", $0) }
        + [greedy("third", prompts[0], method == "prompt" ? "prefix" : "prompt")]
      for _ in 0..<2 {
        let answers = try await engine.together(requests)
        #expect(answers.prefix(prompts.count).map(\.ids) == expected[method]?.greedy)
        #expect(answers[0].cachedTokens == 0)
      }
    }
  }

  @Test func rowsWithWeightsOfTheirOwnStandBesideOthers() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try writeAdapters(["a"], in: place, for: base)
      let copied = try await Compute.run {
        try MethodSettings(own: ["last-layers": "1"]).make(PartialTuning.self).begin(on: base, seed: 1)
          .weights()
      }
      var content = try #require(copied.content)
      content.tensors = try content.tensors.mapValues {
        try HostTensor(shape: $0.shape, $0.values.map { $0 * 1.5 }, named: "copy")
      }
      try AdapterWeights(sites: [:], content: content).write(to: place.appending(path: "copy"))
      let engine = await ServingEngine(base, library: nil, folders: [place])
      let requests = ["base", "copy", "a", "copy", "base"].map { greedy($0, prompt(70), $0) }
      var alone: [Answer] = []
      for request in requests { alone.append(try await engine.whole(request)) }
      let together = try await engine.together(requests)
      #expect(together.map(\.ids) == alone.map(\.ids))
      #expect(alone[1].ids != alone[0].ids && alone[1].ids == alone[3].ids)
      #expect(together[1].cachedTokens == 0 && together[4].cachedTokens == 64)
    }
  }
}
