import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import MotetTraining
import Testing

/// Tests/Fixtures/methods, made by Tests/Fixtures/methods_lowrank.py.
enum MethodFixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Fixtures/methods").standardizedFileURL

  static func peft(_ name: String) -> URL { folder.appending(path: "\(name)-peft") }

  static func file(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(contentsOf: folder.appending(path: "\(name).safetensors"))
  }
}

/// Steps of AdamW on the tiny fixture's batch, as the script took them.
@Compute
struct FixtureSteps {
  let base: BaseModel
  let adapter: any TrainableAdapter
  var checkpointsLayers = false
  private let optimizer: AdamW
  private let examples: [Example]
  private let count: Int

  init(_ adapter: any TrainableAdapter, on base: BaseModel) throws {
    self.base = base
    self.adapter = adapter
    optimizer = AdamW(adapter.parameters, options: AdamW.Options(weightDecay: 0.01))
    examples = try TinyModel.expected().rows.map {
      Example(tokens: $0.tokens, labelled: $0.labelled, line: 1)
    }
    count = examples.reduce(0) { $0 + $1.labelCount }
  }

  /// The mean loss before the step.
  func take(_ step: Int, of steps: Int) throws -> Double {
    try adapter.beginStep(step, of: steps)
    let mean = try loss(recording: true)
    adapter.gatherGradients()
    optimizer.step(learningRate: 1e-3, gradientScale: 1)
    try adapter.finishStep(learningRate: 1e-3)
    return mean
  }

  /// The mean loss; recorded, it leaves gradients.
  func loss(recording: Bool = false) throws -> Double {
    var first = 0
    let labels = examples.flatMap { example in
      defer { first += example.tokens.count }
      return example.tokens.indices.filter { example.labelled[$0] }.map {
        BaseModel.Label(position: first + $0 - 1, token: example.tokens[$0], scale: 1 / Float(count))
      }
    }
    let tape = base.tape(recording: recording, checkpointsActivations: checkpointsLayers)
    let rows = examples.map { BatchRow(tokens: $0.tokens, mix: adapter.mix) }
    let losses = try base.losses(rows, labels: labels, on: tape)
    if recording { try tape.backward() }
    return losses.reduce(0) { $0 + Double($1) } / Double(count)
  }
}

extension BaseModel {
  /// The mean loss of the tiny fixture's batch under a mix.
  func fixtureLoss(_ mix: Mix) async throws -> Double {
    let rows = try TinyModel.expected().rows.map {
      Example(tokens: $0.tokens, labelled: $0.labelled, line: 1)
    }
    return try await nll(of: rows, mix: mix).value
  }
}

extension AdapterWeights {
  /// ΔW of a site's values, the largest difference to another's.
  func largestDeltaDifference(_ other: AdapterWeights) -> Float {
    guard siteNames == other.siteNames else { return .infinity }
    return siteNames.map { name in
      guard let x = sites[name], let y = other.sites[name] else { return .infinity }
      return largestDifference(x.delta(), y.delta())
    }.max() ?? .infinity
  }
}
