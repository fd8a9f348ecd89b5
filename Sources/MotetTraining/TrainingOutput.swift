import Foundation
import MotetAdapters
import MotetFormats
import MotetReport

/// What a run leaves: a PEFT folder with `motet.json`, the log in JSONL and the loss curve as SVG.
public struct TrainingOutput {
  public let result: TrainingResult
  /// Other files to write beside the adapter, by name.
  public let attachments: [String: Data]

  public init(_ result: TrainingResult, attachments: [String: Data] = [:]) {
    self.result = result
    self.attachments = attachments
  }

  /// Writes into a folder, or as the newest version of the adapter's name in a library.
  /// - Returns: the folder, or the version as `math@3`; nil for no destination
  func save(_ destination: TrainingJob.Destination?) throws -> String? {
    switch destination {
    case nil: nil
    case .folder(let folder, _): try save(output: folder.relativePath, name: nil)
    case .library(let library): try save(output: nil, name: result.adapter.name, library: library)
    }
  }

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
    let log = TrainingLog.text(result.events, result.validations)
    try AtomicFile.write(Data(log.utf8), to: folder.appending(path: "training.jsonl"))
    try AtomicFile.write(Data(lossCurve.utf8), to: folder.appending(path: "loss.svg"))
    for (name, data) in attachments { try AtomicFile.write(data, to: folder.appending(path: name)) }
  }
}
