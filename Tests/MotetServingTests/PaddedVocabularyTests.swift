import Foundation
import MotetFormats
import MotetModels
import MotetTensor
import MotetTokenizers
import Testing

@testable import MotetServing

/// A model whose embedding has more rows than its tokenizer has tokens, padded to a round size as many are.
@Suite struct PaddedVocabularyTests {
  /// The tiny model with 32 more rows, each like a row of the vocabulary and much longer.
  private struct Padded: ModelSource {
    let tiny: HuggingFaceFolder
    static let rows = 320

    init() throws { tiny = try HuggingFaceFolder(TinyModel.folder.appending(path: "model")) }

    var model: ModelDescription {
      var model = tiny.model
      model.configuration.vocabulary = Self.rows
      return model
    }
    var path: String { "padded" }
    func contains(_ name: String) -> Bool { tiny.contains(name) }
    func shape(_ name: String) throws -> [Int] {
      name == "model.embed_tokens.weight" ? [Self.rows, 64] : try tiny.shape(name)
    }
    func floats(_ name: String) throws -> [Float] {
      let values = try tiny.floats(name)
      guard name == "model.embed_tokens.weight" else { return values }
      return values + values.prefix((Self.rows - 288) * 64).map { $0 * 40 }
    }
    func tokenizer() throws -> Tokenizer { try tiny.tokenizer() }
    func template() throws -> ChatTemplate? { try tiny.template() }
    func companions() throws -> [String: Data] { try tiny.companions() }
  }

  @Test(arguments: [Float(0), 1]) func anIdWithoutATokenIsNeverAnswered(temperature: Float) async throws {
    let base = try await BaseModel.load(Padded(), name: "padded", precision: .f32)
    let engine = await ServingEngine(base, library: nil, folders: [], options: ServingOptions())
    var request = greedy("0", prompt(9), tokens: 30)
    request.sampling.temperature = temperature
    request.sampling.seed = 5
    // A bias cannot bring one back.
    request.sampling.logitBias = [300: 100]
    let answer = try await engine.whole(request)
    #expect(answer.usage?.completionTokens == 30)
    request.logprobs = 0
    let told = try await engine.whole(request)
    #expect(told.ids.count == 30)
    #expect(told.ids.allSatisfy { $0 < 288 })
  }
}
