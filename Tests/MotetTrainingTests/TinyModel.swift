import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import MotetTraining

/// Tests/Fixtures/tiny, made by PyTorch, transformers and PEFT through Tests/Fixtures/tiny.py.
enum TinyModel {
  struct Expected: Decodable {
    struct Row: Decodable {
      let tokens: [Int32]
      let labelled: [Bool]
      let nll: Double
    }
    let rows: [Row]
    let losses: [Double]
  }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/tiny").standardizedFileURL
  static let adapter = folder.appending(path: "adapter")

  static func load(_ precision: Precision = .f32) async throws -> BaseModel {
    let source = try HuggingFaceFolder(folder.appending(path: "model"))
    return try await BaseModel.load(source, name: "tiny", precision: precision)
  }

  static func expected() throws -> Expected {
    try JSONDecoder().decode(Expected.self, from: Data(contentsOf: folder.appending(path: "expected.json")))
  }

  static func tensor(_ name: String) throws -> [Float] {
    try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors")).tensor(name).floats()
  }

  /// Questions with short answers, `count` of them.
  static func data(_ count: Int) -> Dataset {
    Dataset(
      (0..<count).map {
        DatasetRow(prompt: "what is \($0)?", response: "the answer is \($0 + 1)", line: $0 + 1)
      })
  }
}

func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
}
