import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import MotetTraining

/// Tests/Fixtures/methods, made by PyTorch and PEFT through Tests/Fixtures/methods_scaling.py.
struct ScalingFixture {
  let name: String

  static let dora = ScalingFixture(name: "dora")
  static let ia3 = ScalingFixture(name: "ia3")

  var folder: URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/methods/\(name)")
      .standardizedFileURL
  }

  var adapter: URL { folder.appending(path: "adapter") }

  func tensor(_ key: String) throws -> [Float] { try file().tensor(key).floats() }
  func contains(_ key: String) throws -> Bool { try file().contains(key) }

  private func file() throws -> SafetensorsFile {
    try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors"))
  }

  func loss() throws -> Double {
    struct Expected: Decodable { let loss: Double }
    let file = folder.appending(path: "expected.json")
    return try JSONDecoder().decode(Expected.self, from: Data(contentsOf: file)).loss
  }

  static func sequences() throws -> [[Int32]] {
    struct Expected: Decodable { let sequences: [[Int32]] }
    let file = TinyModel.folder.appending(path: "expected.json")
    return try JSONDecoder().decode(Expected.self, from: Data(contentsOf: file)).sequences
  }
}

extension BaseModel {
  /// The logits at every position of one sequence, in one pass of its own.
  func wholeLogits(_ tokens: [Int32], mix: Mix) throws -> [Float] {
    try logits(
      [BatchRow(tokens: tokens, mix: try mix.bound(to: self))], at: Array(tokens.indices),
      on: Tape(recording: false)
    ).values
  }

  /// Loss and gradients of the fixture's rows, and one step of AdamW as PyTorch took it.
  func takeFixtureStep(_ adapter: any TrainableAdapter) throws -> Double {
    try FixtureSteps(adapter, on: self).take(0, of: 1)
  }
}
