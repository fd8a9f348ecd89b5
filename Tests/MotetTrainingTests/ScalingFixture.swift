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
    let examples = try TinyModel.expected().rows.map {
      Example(tokens: $0.tokens, labelled: $0.labelled, line: 1)
    }
    let count = examples.reduce(0) { $0 + $1.labelCount }
    var first = 0
    let labels = examples.flatMap { example in
      defer { first += example.tokens.count }
      return example.tokens.indices.filter { example.labelled[$0] }.map {
        BaseModel.Label(position: first + $0 - 1, token: example.tokens[$0], scale: 1 / Float(count))
      }
    }
    let optimizer = AdamW(adapter.parameters, options: AdamW.Options(weightDecay: 0.01))
    let tape = Tape(recording: true)
    let losses = try losses(
      examples.map { BatchRow(tokens: $0.tokens, mix: adapter.mix) }, labels: labels, on: tape)
    try tape.backward()
    adapter.gatherGradients()
    optimizer.step(learningRate: 1e-3, gradientScale: 1)
    try adapter.finishStep(learningRate: 1e-3)
    return losses.reduce(0) { $0 + Double($1) } / Double(count)
  }
}
