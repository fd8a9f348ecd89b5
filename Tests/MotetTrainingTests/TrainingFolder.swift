import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining

/// A folder for one test, gone after it.
final class TrainingFolder: Sendable {
  let url = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appending(path: name) }

  func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: file(name))
    return file(name).path
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }
}

extension TinyModel {
  /// Sums with short answers: another domain than ``data(_:)``.
  static func sums(_ count: Int) -> Dataset {
    Dataset(
      (0..<count).map {
        DatasetRow(prompt: "add \($0) and 2", response: "it makes \($0 + 2) in all", line: $0 + 1)
      }, name: "sums")
  }

  static func job(
    _ name: String, _ data: Dataset, on base: BaseModel, method: any AdapterMethod = LoRA(rank: 4),
    options: TrainingOptions = TrainingOptions(epochs: 2, batchRows: 4, learningRate: 5e-3),
    validation: Dataset? = nil
  ) throws -> TrainingJob {
    TrainingJob(
      name: name, method: method, options: options, data: try data.source(for: base),
      validation: try validation?.source(for: base))
  }
}

/// The largest difference of any value of two adapters.
func largestDifference(_ a: AdapterWeights, _ b: AdapterWeights) -> Float {
  guard a.siteNames == b.siteNames else { return .infinity }
  return a.siteNames.map { name in
    guard let x = a.sites[name], let y = b.sites[name] else { return .infinity }
    return max(largestDifference(x.loraA, y.loraA), largestDifference(x.loraB, y.loraB))
  }.max() ?? .infinity
}

extension TrainingJob {
  /// What it begins with.
  @Compute func freshWeights(on base: BaseModel) throws -> AdapterWeights {
    try method.begin(on: base, seed: options.seed).weights()
  }
}
