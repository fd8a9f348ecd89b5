import Foundation
import MotetFormats
import MotetModels
import MotetTensor
import MotetTokenizers

/// Tests/Fixtures/tiny, made by PyTorch, transformers and PEFT through Tests/Fixtures/tiny.py.
enum TinyModel {
  struct Expected: Decodable {
    struct Text: Decodable {
      let text: String
      let ids: [Int32]
    }
    let sequences: [[Int32]]
    let texts: [Text]
    let chat: [Int32]
  }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/tiny").standardizedFileURL

  static func source() throws -> HuggingFaceFolder { try HuggingFaceFolder(folder.appending(path: "model")) }

  static func load(_ source: any ModelSource, _ precision: Precision = .f32) async throws -> BaseModel {
    try await BaseModel.load(source, name: "tiny", precision: precision)
  }

  static func load() async throws -> BaseModel { try await load(source()) }

  static func expected() throws -> Expected {
    try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: folder.appending(path: "expected.json")))
  }

  static func tensor(_ name: String) throws -> [Float] {
    try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors")).tensor(name).floats()
  }
}

/// Another source with some of its tensors changed.
struct ChangedSource: ModelSource {
  var original: any ModelSource
  var model: ModelDescription
  var absent: Set<String> = []
  var shapes: [String: [Int]] = [:]
  var change: @Sendable (String, [Float]) -> [Float] = { $1 }

  init(_ original: any ModelSource) {
    self.original = original
    model = original.model
  }

  var path: String { "changed" }
  func contains(_ name: String) -> Bool { !absent.contains(name) && original.contains(name) }
  func floats(_ name: String) throws -> [Float] { change(name, try original.floats(name)) }
  func shape(_ name: String) throws -> [Int] { try shapes[name] ?? original.shape(name) }
  func tokenizer() throws -> Tokenizer { try original.tokenizer() }
  func template() throws -> ChatTemplate? { try original.template() }
  func companions() throws -> [String: Data] { try original.companions() }
}

func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
}

extension BaseModel {
  /// The logits at every position of one sequence, in one pass of its own.
  func wholeLogits(_ tokens: [Int32], mix: BoundMix) throws -> [Float] {
    try logits(
      [BatchRow(tokens: tokens, mix: mix)], at: Array(tokens.indices), on: Tape(recording: false)
    ).values
  }
}
