import Foundation
import MotetAdapters
import MotetFormats
import MotetTensor
import MotetTokenizers
import Testing

@testable import MotetModels

/// A tiny random model of a family: Tests/Fixtures/families, made by transformers, PEFT and gguf through families.py.
struct FamilyFixture: CustomTestStringConvertible, Sendable {
  let name: String

  static let root = TinyModel.folder.appending(path: "../families").standardizedFileURL

  static let all: [FamilyFixture] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.sorted().map(FamilyFixture.init)
  }()
  static let ggufs = all.filter { FileManager.default.fileExists(atPath: $0.gguf.path) }
  /// One a family.
  static let plain = all.filter { $0.name.hasSuffix("-plain") }

  var testDescription: String { name }
  var family: String { name.split(separator: "-").first.map(String.init) ?? name }
  var folder: URL { Self.root.appending(path: name) }
  var model: URL { folder.appending(path: "model") }
  var gguf: URL { folder.appending(path: "model.gguf") }
  var adapter: URL { folder.appending(path: "adapter") }

  func load(_ precision: Precision = .f32) async throws -> BaseModel {
    try await Self.load(HuggingFaceFolder(model), precision)
  }

  static func load(_ source: any ModelSource, _ precision: Precision = .f32) async throws -> BaseModel {
    try await BaseModel.load(BorrowingSource(source), name: "family", precision: precision)
  }

  func values(_ name: String) throws -> [Float] {
    try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors")).tensor(name).floats()
  }

  func tokens(_ name: String) throws -> [Int32] {
    let tensor = try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors")).tensor(name)
    return tensor.withBytes { bytes in
      (0..<tensor.count).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
    }
  }

  func modules() throws -> [String] {
    try JSONDecoder().decode([String].self, from: Data(contentsOf: folder.appending(path: "modules.json")))
  }
}

/// A source with the tiny model's tokenizer and chat template.
struct BorrowingSource: ModelSource {
  let own: any ModelSource

  init(_ own: any ModelSource) { self.own = own }

  private func words() throws -> HuggingFaceFolder {
    try HuggingFaceFolder(TinyModel.folder.appending(path: "model"))
  }

  var model: ModelDescription { own.model }
  var path: String { own.path }
  var tensorNames: [String] { own.tensorNames }
  var notes: [String] { own.notes }
  var borrowsTokenizer: Bool { true }
  var storedPrecision: Precision? { own.storedPrecision }
  func floats(_ name: String) throws -> [Float] { try own.floats(name) }
  func shape(_ name: String) throws -> [Int] { try own.shape(name) }
  func contains(_ name: String) -> Bool { own.contains(name) }
  func nf4(_ name: String) throws -> NF4Matrix? { try own.nf4(name) }
  func nf4Table(_ name: String) throws -> NF4Matrix? { try own.nf4Table(name) }
  func stored(_ name: String) throws -> StoredBlocks? { try own.stored(name) }
  func tokenizer() throws -> Tokenizer { try words().tokenizer() }
  func template() throws -> ChatTemplate? { try words().template() }
  func companions() throws -> [String: Data] { [:] }
}

extension BaseModel {
  /// Logits at all positions of a sequence, `[tokens, vocabulary]`.
  func allLogits(_ tokens: [Int32], mix: BoundMix = .base) throws -> [Float] {
    try logits(
      [BatchRow(tokens: tokens, mix: mix)], at: Array(tokens.indices), on: tape(recording: false)
    ).converted(to: .f32).values
  }

  /// The mean loss of a sequence's tokens after the first; recorded, it leaves gradients.
  func meanLoss(_ tokens: [Int32], mix: BoundMix, recording: Bool = false) throws -> Double {
    let count = tokens.count - 1
    let labels = (0..<count).map { Label(position: $0, token: tokens[$0 + 1], scale: 1 / Float(count)) }
    let tape = tape(recording: recording)
    let losses = try losses([BatchRow(tokens: tokens, mix: mix)], labels: labels, on: tape)
    if recording { try tape.backward() }
    return losses.reduce(0) { $0 + Double($1) } / Double(count)
  }
}

/// The largest difference, by the size of what it is compared with.
func relativeDifference(_ own: [Float], _ expected: [Float]) -> Float {
  let size = max(1, expected.map(abs).max() ?? 1)
  return largestDifference(own, expected) / size
}
