import Foundation
import MotetFormats
import MotetTensor
import Testing

@testable import MotetModels

/// A base in NF4: quantized here, and by bitsandbytes (Tests/Fixtures/nf4, made through Tests/Fixtures/nf4.py).
@Suite struct QuantizedModelTests {
  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/nf4").standardizedFileURL

  private func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-nf4-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
  }

  private func save(_ base: BaseModel, to folder: URL) async throws {
    try await Compute.run { try QuantizedModel(base).write(to: folder) }
  }

  @Test func aSavedBaseIsTheOneThatWasQuantizedOnTheFly() async throws {
    try await withFolder { folder in
      let original = try await TinyModel.load()
      let quantized = try await TinyModel.load(TinyModel.source(), .nf4)
      try await save(quantized, to: folder)
      let loaded = try await BaseModel.load(folder.path)
      #expect(loaded.precision == .nf4, "auto takes what the folder holds")
      let (own, again) = (await quantized.fingerprint(), await loaded.fingerprint())
      #expect(own == again)
      #expect(loaded.identity.sketch == quantized.identity.sketch)
      // The sketch is of the rounded values, and still that of the base.
      #expect(loaded.identity.sketch != original.identity.sketch)
      #expect(original.identity.mismatch(with: loaded.identity) == nil)
      #expect(loaded.identity.mismatch(with: original.identity) == nil)
      // Saved again, it is the same.
      let copy = folder.deletingLastPathComponent().appending(path: folder.lastPathComponent + "-again")
      defer { try? FileManager.default.removeItem(at: copy) }
      try await save(loaded, to: copy)
      let files = try [folder, copy].map { try Data(contentsOf: $0.appending(path: "model.safetensors")) }
      let isSame = files[0] == files[1]
      #expect(isSame)
    }
  }

  @Test(arguments: ["model", "model-plain-scales"])
  func foldersOfTransformersAreReadToTheBit(name: String) async throws {
    let source = try HuggingFaceFolder(Self.fixtures.appending(path: name))
    let expected = try SafetensorsFile(
      contentsOf: Self.fixtures.appending(path: "\(name)-expected.safetensors"))
    #expect(source.storedPrecision == .nf4)
    var compared = 0
    for tensor in expected.names where tensor.hasPrefix("model.") {
      let isSame = try source.floats(tensor) == expected.tensor(tensor).floats()
      #expect(isSame, "\(tensor)")
      #expect(try source.shape(tensor) == expected.tensor(tensor).shape)
      compared += 1
    }
    #expect(compared == 7)
    let logits = try expected.tensor("logits").floats()
    let tokens: [Int32] = [3, 50, 7, 120, 9, 33]
    let wide = try await TinyModel.load(source, .f32)
    let own = try await Compute.run { try wide.wholeLogits(tokens, mix: .base) }
    #expect(largestDifference(own, logits) < 1e-3, "in f32, with the values that bitsandbytes unpacks")
    let narrow = try await TinyModel.load(source, .nf4)
    let rounded = try await Compute.run { try narrow.wholeLogits(tokens, mix: .base) }
    // What it holds: the embedding, which is the head too, is rounded as well.
    var held = ChangedSource(source)
    held.change = { name, values in
      guard name.hasPrefix("model.embed_tokens") else { return values }
      let narrow = values.map {
        Float(bitPattern: ($0.bitPattern &+ 0x7FFF &+ ($0.bitPattern >> 16 & 1)) & 0xFFFF_0000)
      }
      return NF4Matrix(quantizing: narrow, outputs: values.count / 64, inputs: 64).floats()
    }
    let same = try await TinyModel.load(held, .f32)
    let expectedRounded = try await Compute.run { try same.wholeLogits(tokens, mix: .base) }
    let size = expectedRounded.reduce(0) { max($0, abs($1)) }
    #expect(
      largestDifference(rounded, expectedRounded) < 0.03 * size, "in bf16, with the values that it holds")
    #expect(largestDifference(rounded, logits) > 0.1 * size, "the table's rounding is no small thing here")
  }

  /// A copy of bitsandbytes' folder with tensors left out or replaced.
  private func damaged(
    _ folder: URL, without absent: String? = nil, replacing: SafetensorsWriter.Tensor? = nil
  ) throws {
    try FileManager.default.copyItem(at: Self.fixtures.appending(path: "model"), to: folder)
    let url = folder.appending(path: "model.safetensors")
    let file = try SafetensorsFile(contentsOf: url)
    var tensors = try file.names.filter { $0 != absent && $0 != replacing?.name }
      .map { SafetensorsWriter.Tensor(copying: try file.tensor($0)) }
    if let replacing { tensors.append(replacing) }
    try SafetensorsWriter.write(tensors, to: url)
  }

  private func error(_ folder: URL) async throws -> String {
    var text = ""
    do { _ = try await BaseModel.load(folder.path) } catch { text = "\(error)" }
    return text
  }

  @Test func aFileThatWasCutShortIsNamed() async throws {
    try await withFolder { folder in
      try damaged(folder)
      let url = folder.appending(path: "model.safetensors")
      let whole = try Data(contentsOf: url)
      try whole.prefix(whole.count - 1000).write(to: url)
      let text = try await error(folder)
      #expect(
        text.contains(url.path) && text.contains("tensor '") && text.contains("ends too early"), "\(text)")
    }
  }

  private static let site = "model.layers.1.mlp.up_proj.weight"

  @Test(arguments: [".absmax", ".nested_absmax", ".nested_quant_map", ".quant_map"])
  func aPartThatIsMissingIsNamed(part: String) async throws {
    try await withFolder { folder in
      try damaged(folder, without: Self.site + part)
      let text = try await error(folder)
      #expect(text.contains("model.safetensors") && text.contains(Self.site + part), "\(text)")
    }
  }

  @Test func partsThatDoNotFitAreNamed() async throws {
    let state = Self.site + ".quant_state.bitsandbytes__nf4"
    func text(_ json: String) -> SafetensorsWriter.Tensor {
      .init(name: state, shape: [json.utf8.count], type: .u8, data: Data(json.utf8))
    }
    let nan = withUnsafeBytes(of: Float.nan) { Data($0) }
    let cases: [(SafetensorsWriter.Tensor, String)] = [
      (.init(name: Self.site + ".absmax", shape: [5], type: .u8, data: Data(count: 5)), "5 values of U8"),
      (.init(name: Self.site, shape: [64, 1], type: .u8, data: Data(count: 64)), "64 values of U8"),
      (.init(name: Self.site + ".nested_absmax", shape: [1], type: .f32, data: nan), "not finite"),
      (.init(name: Self.site + ".quant_map", shape: [16], type: .f32, data: Data(count: 64)), "NF4's 16"),
      (text("{"), "no JSON object"),
      (text(#"{"quant_type":"nf4","blocksize":128,"shape":[96,64]}"#), "size of blocks than 64"),
      (text(#"{"quant_type":"fp4","blocksize":64,"shape":[96,64]}"#), "another type than nf4"),
      (text(#"{"quant_type":"nf4","blocksize":64,"shape":[96]}"#), "no pair of sizes"),
      (text(#"{"quant_type":"nf4","blocksize":64,"shape":[64,96]}"#), "asks for [96, 64]"),
    ]
    for (tensor, expected) in cases {
      try await withFolder { folder in
        try damaged(folder, replacing: tensor)
        let text = try await error(folder)
        #expect(text.contains(expected), "\(text)")
        #expect(text.contains(folder.path) && text.contains(Self.site))
      }
    }
  }

  @Test func onlyABaseInNF4IsSavedAndOnlyToItsOwnPlace() async throws {
    try await withFolder { folder in
      let plain = try await TinyModel.load()
      await #expect(throws: ModelError.notQuantized(name: "tiny", precision: "f32")) {
        try await save(plain, to: folder)
      }
      let quantized = try await TinyModel.load(TinyModel.source(), .nf4)
      try await save(quantized, to: folder)
      await #expect(throws: OwnedFolderError.holdsModel(path: folder.relativePath)) {
        try await save(quantized, to: folder)
      }
    }
  }

  @Test(.enabled(if: SmolLM2.isThere))
  func theRealModelTakesHalfAByteAWeight() async throws {
    let base = try await BaseModel.load(SmolLM2.name, precision: .nf4)
    let share = Double(await base.byteCount) / Double(base.parameterCount)
    print("NF4: \(share) bytes a weight")
    #expect(share < 0.52)
    let original = try await BaseModel.load(SmolLM2.name, precision: .f32)
    #expect(original.identity.mismatch(with: base.identity) == nil)
  }
}
