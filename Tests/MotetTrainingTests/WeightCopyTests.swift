import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import MotetTokenizers
import Testing

@testable import MotetTraining

/// Copies of weights under training: `full` and `partial`.
@Suite struct WeightCopyTests {
  private static let fixture = TinyModel.folder.appending(path: "../copy.safetensors").standardizedFileURL

  static func method(_ name: String) throws -> any AdapterMethod {
    try MethodSettings(own: name == "partial" ? ["last-layers": "1"] : [:]).make(AdapterMethods.named(name))
  }

  @Test(arguments: ["full", "partial", "untied"], [false, true])
  @Compute func theLossAndAStepAreThoseOfPyTorch(name: String, checkpointed: Bool) async throws {
    let base =
      name == "untied"
      ? try await BaseModel.load(UntiedModel(), name: "untied", precision: .f32)
      : try await TinyModel.load()
    let adapter = try Self.method(name == "untied" ? "full" : name).begin(on: base, seed: 1)
    let file = try SafetensorsFile(contentsOf: Self.fixture)
    var steps = try FixtureSteps(adapter, on: base)
    steps.checkpointsLayers = checkpointed
    let mean = try steps.take(0, of: 1)
    #expect(abs(mean - Double(try file.tensor("\(name).loss").floats()[0])) < 1e-4)
    let made = try #require(try adapter.weights().content).tensors
    let moved = file.names.filter { $0.hasPrefix("\(name).step1.") }
    #expect(moved.count >= 2)
    for step in moved {
      let key = String(step.dropFirst("\(name).step1.".count))
      let own = try #require(made[key]).values
      #expect(largestDifference(own, try file.tensor(step).floats()) < 1e-4, "\(key)")
    }
  }

  @Test(arguments: ["full", "partial"], Precision.allCases)
  func aCopyLearnsIsKeptAndFusedOnEveryPrecision(name: String, precision: Precision) async throws {
    guard precision.isSupported else { return }
    let base = try await TinyModel.load(precision)
    let data = TinyModel.data(12)
    let options = TrainingOptions(epochs: 6, batchRows: 4, learningRate: 3e-3)
    let before = await base.fingerprint()
    let result = try #require(
      try await Trainer(base, method: try Self.method(name), options: options)
        .run(on: data, evaluation: data).train().first?.result)
    let after = try #require(result.evalAfter).value
    #expect(after < (try #require(result.evalBefore)).value - 0.3)
    #expect(await base.fingerprint() == before)

    let folder = try TrainingFolder()
    try result.adapter.weights.write(to: folder.url, record: result.adapter.record)
    let loaded = try Adapter.load(folder.url, for: base)
    #expect(loaded.weights == result.adapter.weights)
    let examples = try data.examples(for: base)
    let again = try await base.nll(of: examples, mix: Mix(loaded))
    #expect(abs(again.value - after) < 1e-5)

    try FusedModel(base, mix: Mix(loaded)).write(to: folder.file("fused"))
    let fused = try await BaseModel.load(
      HuggingFaceFolder(folder.file("fused")), name: "fused", precision: precision.forCopies)
    let whole = try await fused.nll(of: examples)
    // A copy of the last layers stands on lower ones that the base may hold in fewer bits.
    var bound = name == "full" ? 1e-5 : precision == .nf4 ? 0.5 : 0.05
    // Without bf16 units the fused model is in f32, with activations in f32; those of the copy's base are in bf16.
    if name == "full", precision != .f32, precision.forCopies == .f32 { bound = 1e-3 }
    #expect(abs(whole.value - after) < bound)
  }

  @Test @Compute func rowsThroughACopyStandBesideOthers() async throws {
    let base = try await TinyModel.load()
    let options = TrainingOptions(epochs: 2, batchRows: 4, learningRate: 3e-3)
    func trained(_ method: any AdapterMethod) async throws -> BoundMix {
      let result = try await Trainer(base, method: method, options: options).train(on: TinyModel.data(4))
      return try Mix(result.adapter).bound(to: base)
    }
    let mixes = [
      try await trained(Self.method("full")), try await trained(LoRA(rank: 4)), .base,
      try await trained(Self.method("partial")), try await trained(Self.method("full")),
    ]
    let rows = mixes.enumerated().map { BatchRow(tokens: [5, 6, Int32(7 + $0), 8], mix: $1) }
    let positions = [18, 3, 7, 11, 15, 1]
    let together = try base.logits(rows, at: positions, on: Tape(recording: false))
    for (place, position) in positions.enumerated() {
      let alone = try base.logits(
        [rows[position / 4]], at: [position % 4], on: Tape(recording: false))
      let own = Array(UnsafeBufferPointer(start: together.row(place), count: together.columns))
      #expect(largestDifference(own, alone.values) < 1e-5, "row \(position / 4)")
    }
  }

  @Test func aCopyIsNeitherBlendedNorMerged() async throws {
    let base = try await TinyModel.load()
    let result = try await Trainer(base, method: try Self.method("partial")).train(on: TinyModel.data(2))
    #expect(throws: MethodError.self) { try result.adapter.require(.blend) }
    #expect(throws: MethodError.self) { try result.adapter.require(.merge) }
    let other = try LoRA(rank: 2).initialWeights(for: base, seed: 1)
    await #expect(throws: MethodError.self) {
      _ = try await Mix([(result.adapter, 0.5), (Adapter(name: "b", weights: other), 0.5)]).bound(to: base)
    }
  }

  @Test func whatDoesNotFitIsRefused() async throws {
    let base = try await TinyModel.load()
    #expect(throws: MethodError.self) {
      try MethodSettings(own: ["last-layers": "0"]).make(PartialTuning.self)
    }
    let three = try MethodSettings(own: ["last-layers": "3"]).make(PartialTuning.self)
    await #expect(throws: MethodError.self) {
      try await Trainer(base, method: three).train(on: TinyModel.data(2))
    }
    let wrong = try AdapterWeights(
      sites: [:], baseModel: nil,
      content: MethodContent(
        method: "partial", settings: ["precision": "f32"],
        tensors: ["model.layers.1.input_layernorm.weight": HostTensor(shape: [3], [1, 2, 3], named: "n")]))
    #expect(PartialTuning.mismatch(of: wrong, with: base) != nil)
    let folder = try TrainingFolder()
    try wrong.write(to: folder.url, record: nil)
    #expect(throws: ModelError.self) { try Adapter.load(folder.url, for: base) }
    let far = try AdapterWeights(
      sites: [:], baseModel: nil,
      content: MethodContent(
        method: "partial", settings: ["precision": "f32"],
        tensors: [
          "model.layers.1.input_layernorm.weight": HostTensor(
            shape: [64], [Float](repeating: 1, count: 64), named: "n"),
          "model.layers.\(Int.max).x.weight": HostTensor(shape: [1], [1], named: "x"),
        ]))
    try far.write(to: folder.file("far"), record: nil)
    #expect(throws: ModelError.self) { try Adapter.load(folder.file("far"), for: base) }
    let file = folder.file("adapter_config.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    try Data(text.replacing("\"f32\"", with: "\"int8\"").utf8).write(to: file)
    #expect(throws: FormatError.self) { try Adapter.load(folder.url, for: base) }
  }
}

/// The tiny model with a head of its own: half the embedding.
private struct UntiedModel: ModelSource {
  private let tied: HuggingFaceFolder

  init() throws { tied = try HuggingFaceFolder(TinyModel.folder.appending(path: "model")) }

  var model: ModelDescription {
    var model = tied.model
    model.configuration.tieWordEmbeddings = false
    return model
  }
  var path: String { tied.path }

  func floats(_ name: String) throws -> [Float] {
    name == "lm_head.weight"
      ? try tied.floats("model.embed_tokens.weight").map { $0 / 2 } : try tied.floats(name)
  }
  func shape(_ name: String) throws -> [Int] {
    try tied.shape(name == "lm_head.weight" ? "model.embed_tokens.weight" : name)
  }
  func contains(_ name: String) -> Bool { name == "lm_head.weight" || tied.contains(name) }
  func tokenizer() throws -> Tokenizer { try tied.tokenizer() }
  func template() throws -> ChatTemplate? { try tied.template() }
  func companions() throws -> [String: Data] { try tied.companions() }
}
