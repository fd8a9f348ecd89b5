import Foundation
import MotetFormats
import MotetModels
import MotetTensor
import MotetTokenizers
import Testing

/// A random Llama against transformers (Tests/Fixtures/tiny.py), and what is refused.
@Suite struct TinyLlamaTests {
  @Test @Compute func logitsAreThoseOfTransformers() async throws {
    let base = try await TinyModel.load()
    let sequences = try TinyModel.expected().sequences
    #expect(sequences.count == 3)
    for (index, tokens) in sequences.enumerated() {
      let expected = try TinyModel.tensor("logits_base.\(index)")
      #expect(largestDifference(try base.wholeLogits(tokens, mix: .base), expected) < 1e-4)
    }
  }

  @Test func textsAndChatsBecomeTheSameTokens() throws {
    let source = try TinyModel.source()
    let (tokenizer, template) = (try source.tokenizer(), try #require(try source.template()))
    let expected = try TinyModel.expected()
    for row in expected.texts {
      #expect(tokenizer.encode(row.text, parsingSpecialTokens: true) == row.ids, "\(row.text)")
    }
    let chat = try template.encode(
      [.init(role: "user", content: "what is that?"), .init(role: "assistant", content: "the answer")],
      with: tokenizer, addGenerationPrompt: false)
    #expect(chat.tokens == expected.chat)
  }

  @Test @Compute func rowsPackedTogetherGiveWhatEachGivesAlone() async throws {
    let base = try await TinyModel.load()
    let sequences = try TinyModel.expected().sequences
    let rows = sequences.map { BatchRow(tokens: $0, mix: .base) }
    let count = sequences.reduce(0) { $0 + $1.count }
    let packed = try base.logits(rows, at: Array(0..<count), on: Tape(recording: false)).values
    let alone = try sequences.flatMap { try base.wholeLogits($0, mix: .base) }
    #expect(largestDifference(packed, alone) < 1e-4)
  }

  @Test @Compute func anUntiedHeadIsTheOneThatCounts() async throws {
    let tied = try await TinyModel.load()
    var source = ChangedSource(try TinyModel.source())
    source.model.configuration.tieWordEmbeddings = false
    await #expect(throws: ModelError.missingTensor(name: "lm_head.weight", path: "changed")) {
      try await TinyModel.load(source)
    }
    let tokens: [Int32] = [5, 6, 7]
    let expected = try tied.wholeLogits(tokens, mix: .base)
    let untied = try await TinyModel.load(UntiedSource(source))
    let doubled = expected.map { $0 * 2 }
    #expect(largestDifference(try untied.wholeLogits(tokens, mix: .base), doubled) < 1e-4)
  }

  @Test func aMissingTensorIsRefusedByName() async throws {
    var source = ChangedSource(try TinyModel.source())
    source.absent = ["model.layers.1.mlp.up_proj.weight"]
    await #expect(
      throws: ModelError.missingTensor(name: "model.layers.1.mlp.up_proj.weight", path: "changed")
    ) { try await TinyModel.load(source) }
  }

  @Test func aTensorOfAnotherShapeIsRefusedByName() async throws {
    var source = ChangedSource(try TinyModel.source())
    source.shapes["model.layers.0.self_attn.k_proj.weight"] = [64, 32]
    await #expect(
      throws: ModelError.wrongShape(
        name: "model.layers.0.self_attn.k_proj.weight", shape: [64, 32], expected: [32, 64], path: "changed")
    ) { try await TinyModel.load(source) }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func aTensorThatIsNotFiniteIsRefusedByName(value: Float) async throws {
    var source = ChangedSource(try TinyModel.source())
    source.change = { name, values in
      var values = values
      if name == "model.norm.weight" { values[3] = value }
      return values
    }
    await #expect(throws: ModelError.notFinite(name: "model.norm.weight", path: "changed")) {
      try await TinyModel.load(source)
    }
  }

  @Test @Compute func promptsThatAreEmptyOrTooLongAreRefused() async throws {
    let base = try await TinyModel.load()
    let batch = GenerationBatch(base)
    #expect(throws: ModelError.emptyPrompt) { try batch.add(GenerationRequest(prompt: [], mix: .base)) }
    let long = [Int32](repeating: 5, count: 128)
    #expect(throws: ModelError.tooLong(tokens: 128, context: 128)) {
      try batch.add(GenerationRequest(prompt: long, mix: .base))
    }
    #expect(throws: ModelError.tooLong(tokens: 129, context: 128)) {
      try base.hiddenStates(
        [BatchRow(tokens: long + [5], mix: .base)], on: Tape(recording: false))
    }
    #expect(batch.isDone)
  }

  @Test @Compute func anAnswerEndsWhereTheContextDoes() async throws {
    let base = try await TinyModel.load()
    let prompt = [Int32](repeating: 5, count: 120)
    let answer = try await base.complete(
      [GenerationRequest(prompt: prompt, mix: .base, maximumTokens: 100, ignoresEnd: true)])
    #expect(answer[0].count == 8)
  }

  @Test func aFolderWithADotInItsNameKeepsItsName() throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    let folder = root.appending(path: "tiny-1.5")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: TinyModel.folder.appending(path: "model"), to: folder)
    #expect(try ModelStore(root: root).find("tiny-1.5").name == "tiny-1.5")
    #expect(try ModelStore(root: root).find(folder.path + "/").name == "tiny-1.5")
    #expect(throws: ModelError.self) { try ModelStore(root: root).find("tiny-1") }
  }
}

/// A source with a head of its own: the embedding times two.
private struct UntiedSource: ModelSource {
  let original: ChangedSource

  init(_ original: ChangedSource) { self.original = original }

  var model: ModelDescription { original.model }
  var path: String { original.path }
  private func own(_ name: String) -> String {
    name == "lm_head.weight" ? "model.embed_tokens.weight" : name
  }
  func contains(_ name: String) -> Bool { original.contains(own(name)) }
  func shape(_ name: String) throws -> [Int] { try original.shape(own(name)) }
  func floats(_ name: String) throws -> [Float] {
    let values = try original.floats(own(name))
    return name == "lm_head.weight" ? values.map { $0 * 2 } : values
  }
  func tokenizer() throws -> Tokenizer { try original.tokenizer() }
  func template() throws -> ChatTemplate? { try original.template() }
  func companions() throws -> [String: Data] { try original.companions() }
}
