import Foundation
import MotetFormats
import MotetModels
import MotetTensor
import Testing

/// Bases as other programs leave them: Tests/Fixtures/incoming, made by transformers through Tests/Fixtures/incoming.py.
@Suite struct IncomingModelTests {
  private static let fixtures = TinyModel.folder.appending(path: "../incoming").standardizedFileURL

  private func expected(_ name: String) throws -> [Float] {
    try SafetensorsFile(contentsOf: Self.fixtures.appending(path: "expected.safetensors")).tensor(name)
      .floats()
  }

  private func sequence() throws -> [Int32] {
    struct Expected: Decodable { let sequence: [Int32] }
    return try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: Self.fixtures.appending(path: "expected.json"))
    ).sequence
  }

  /// A copy of the tiny model with members of its `config.json` replaced and tensors added.
  private func withModel(
    isolation: isolated (any Actor)? = #isolation, _ members: [String: JSONValue] = [:],
    adding tensors: [SafetensorsWriter.Tensor] = [], _ body: (URL) async throws -> Void
  ) async throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    let folder = root.appending(path: "model")
    try FileManager.default.copyItem(at: TinyModel.folder.appending(path: "model"), to: folder)
    let config = folder.appending(path: "config.json")
    let text = JSONValue.object(try JSONValue.object(contentsOf: config).merging(members) { $1 }).text()
    try Data(text.utf8).write(to: config)
    if !tensors.isEmpty {
      let url = folder.appending(path: "model.safetensors")
      let file = try SafetensorsFile(contentsOf: url)
      let own = try file.names.map { SafetensorsWriter.Tensor(copying: try file.tensor($0)) }
      try SafetensorsWriter.write(own + tensors, to: url)
    }
    try await body(folder)
  }

  private func head() throws -> SafetensorsWriter.Tensor {
    let file = try SafetensorsFile(contentsOf: Self.fixtures.appending(path: "head.safetensors"))
    return SafetensorsWriter.Tensor(copying: try file.tensor("lm_head.weight"))
  }

  private func ones(_ name: String, _ shape: [Int]) -> SafetensorsWriter.Tensor {
    .init(name: name, shape: shape) { [Float](repeating: 1, count: shape.reduce(1, *)) }
  }

  private func refusal(_ folder: URL) async -> String {
    do {
      _ = try await BaseModel.load(folder.path, precision: .f32)
      return ""
    } catch { return "\(error)" }
  }

  /// The mean over the tokens after the first.
  @Compute private func nll(_ base: BaseModel, _ tokens: [Int32]) throws -> Float {
    let labels = (1..<tokens.count).map { BaseModel.Label(position: $0 - 1, token: tokens[$0], scale: 1) }
    let losses = try base.losses(
      [BatchRow(tokens: tokens, mix: .base)], labels: labels, on: Tape(recording: false))
    return losses.reduce(0, +) / Float(losses.count)
  }

  // MARK: A head of its own

  @Test @Compute func aHeadOfItsOwnCountsAlthoughTheConfigurationTiesIt() async throws {
    try await withModel(adding: [try head()]) { folder in
      let base = try await BaseModel.load(folder.path, precision: .f32)
      #expect(!base.configuration.tieWordEmbeddings)
      #expect(base.source.notes.count == 1)
      let tokens = try sequence()
      let logits = try base.wholeLogits(tokens, mix: .base).suffix(3 * 288)
      #expect(largestDifference(Array(logits), try expected("logits.own_head")) < 1e-3)
      #expect(abs(try nll(base, tokens) - expected("nll.own_head")[0]) < 1e-4)
      #expect(abs(try await nll(TinyModel.load(), tokens) - expected("nll.tied")[0]) < 1e-4)
      let quantized = folder.deletingLastPathComponent().appending(path: "nf4")
      try QuantizedModel(try await BaseModel.load(folder.path, precision: .nf4)).write(to: quantized)
      let again = try HuggingFaceFolder(quantized)
      #expect(!again.configuration.tieWordEmbeddings && again.notes.isEmpty)
      let isSame = try again.floats("lm_head.weight") == base.source.floats("lm_head.weight")
      #expect(isSame)
    }
  }

  @Test func aHeadThatIsTheEmbeddingAgainStaysTied() async throws {
    let file = try SafetensorsFile(contentsOf: TinyModel.folder.appending(path: "model/model.safetensors"))
    let embedding = try file.tensor("model.embed_tokens.weight").floats()
    let copy = SafetensorsWriter.Tensor(name: "lm_head.weight", shape: [288, 64]) { embedding }
    try await withModel(adding: [copy]) { folder in
      let source = try HuggingFaceFolder(folder)
      #expect(source.configuration.tieWordEmbeddings && source.notes.isEmpty)
      #expect(await refusal(folder) == "")
    }
  }

  @Test func anUntiedConfigurationWithoutAHeadIsRefused() async throws {
    try await withModel(["tie_word_embeddings": .bool(false)]) { folder in
      #expect(await refusal(folder).contains("no tensor 'lm_head.weight'"))
    }
  }

  // MARK: Tensors without a place

  @Test(arguments: [
    ("model.layers.1.self_attn.q_proj.bias", [64]), ("model.layers.0.self_attn.q_norm.weight", [16]),
    ("model.layers.2.mlp.up_proj.weight", [96, 64]), ("lm_head.bias", [288]), ("score.weight", [2, 64]),
  ])
  func aTensorThatTheModelHasNoUseForIsRefusedByName(name: String, shape: [Int]) async throws {
    try await withModel(adding: [ones(name, shape)]) { folder in
      #expect(await refusal(folder).contains("'\(name)'"))
    }
  }

  @Test func rotaryFrequenciesThatOldVersionsSavedAreTaken() async throws {
    try await withModel(adding: [ones("model.layers.0.self_attn.rotary_emb.inv_freq", [8])]) { folder in
      #expect(await refusal(folder) == "")
    }
  }

  @Test func theInventoryIsWhatTransformersSaves() throws {
    let source = try TinyModel.source()
    let inventory = TensorInventory(source.model)
    #expect(inventory.tensors.map(\.name).sorted() == source.tensorNames)
    for tensor in inventory.tensors { #expect(try source.shape(tensor.name) == tensor.shape) }
  }

  // MARK: Other files in a file's place

  @Test(arguments: ["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"])
  func aGitLFSPointerInTheirPlaceIsNamed(name: String) async throws {
    try await withModel { folder in
      let text = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
      try Data(text.utf8).write(to: folder.appending(path: name))
      let message = await refusal(folder)
      #expect(message.contains(name) && message.contains("git lfs pull"), "\(message)")
    }
  }

  // MARK: Ids

  /// Adds a token with id 288 to the tokenizer of a model.
  private func addToken(to folder: URL) throws {
    let url = folder.appending(path: "tokenizer.json")
    var root = try JSONValue.object(contentsOf: url)
    guard case .array(var added)? = root["added_tokens"] else { return }
    added.append(
      .object([
        "id": .int(288), "content": .string("<extra>"), "special": .bool(false), "single_word": .bool(false),
        "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
      ]))
    root["added_tokens"] = .array(added)
    try Data(JSONValue.object(root).text().utf8).write(to: url)
  }

  @Test func aTokenWithoutARowInTheEmbeddingIsRefused() async throws {
    try await withModel { folder in
      try addToken(to: folder)
      let message = await refusal(folder)
      #expect(message.contains("289 ids") && message.contains("288 rows") && message.contains("'<extra>'"))
      #expect(message.contains("resize_token_embeddings(289)"))
    }
  }

  @Test(arguments: [Sampling.greedy, Sampling(temperature: 1, seed: 3)]) @Compute
  func aRowThatNoTokenHasIsNeverGenerated(sampling: Sampling) async throws {
    var source = ChangedSource(try TinyModel.source())
    let rows = 320
    source.model.configuration.vocabulary = rows
    source.shapes["model.embed_tokens.weight"] = [rows, 64]
    // Rows beyond the tokenizer's, each like a row of the vocabulary and much longer.
    source.change = { name, values in
      name == "model.embed_tokens.weight" ? values + values.prefix((rows - 288) * 64).map { $0 * 40 } : values
    }
    let base = try await TinyModel.load(source)
    #expect(base.silentTokens == Array(288..<320))
    let prompt = try sequence()
    let logits = try base.wholeLogits(prompt, mix: .base).suffix(rows)
    #expect((logits.max() ?? 0) == logits.suffix(rows - 288).max(), "it would have been one of those")
    let answer = try await base.complete([
      GenerationRequest(prompt: prompt, mix: .base, maximumTokens: 24, sampling: sampling, ignoresEnd: true)
    ])
    #expect(answer[0].count == 24)
    #expect(answer[0].allSatisfy { $0 < 288 })
  }
}
