import Foundation
import MotetAdapters
import MotetFormats
import MotetReport

/// What a run leaves: a PEFT folder with `motet.json`, the log in JSONL and the loss curve as SVG.
public struct TrainingOutput {
  public let result: TrainingResult

  public init(_ result: TrainingResult) { self.result = result }

  /// Writes into the folder `output`, or as the newest version of `name` in the library.
  /// - Returns: the folder, or the version as `math@3`
  public func save(
    output: String?, name: String?, library: AdapterLibrary = AdapterLibrary()
  ) throws -> String {
    if let name {
      return try library.add(name) { try write(to: $0) }.description
    }
    let folder = URL(filePath: output ?? result.adapter.name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write(to: folder)
    return folder.relativePath
  }

  /// The loss of each step, as a picture.
  public var lossCurve: String {
    LineChart(
      title: "Training loss: \(result.adapter.name)", xLabel: "step", yLabel: "nats a response token",
      series: [(name: "loss", points: result.events.map { (Double($0.step), $0.loss) })]
    ).svg()
  }

  private func write(to folder: URL) throws {
    try result.adapter.weights.write(to: folder, record: result.adapter.record)
    try AtomicFile.write(Data(log.utf8), to: folder.appending(path: "training.jsonl"))
    try AtomicFile.write(Data(lossCurve.utf8), to: folder.appending(path: "loss.svg"))
  }

  /// One JSON object a step.
  private var log: String {
    result.events.map { event in
      "{\"step\":\(event.step),\"loss\":\(event.loss),\"learning_rate\":\(event.learningRate),"
        + "\"gradient_norm\":\(event.gradientNorm),\"tokens\":\(event.tokens),"
        + "\"tokens_per_second\":\(event.tokensPerSecond)}\n"
    }.joined()
  }
}
