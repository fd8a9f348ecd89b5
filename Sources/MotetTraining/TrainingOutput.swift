import Foundation
import MotetAdapters
import MotetFormats
import MotetReport

/// What a run leaves: a PEFT folder with `motet.json`, the log in JSONL, the loss curve as SVG, and with a ``report``
/// the page that shows how it went.
public struct TrainingOutput {
  public let result: TrainingResult
  /// Written as `report.html`; nil for none.
  public var report: RunReport?
  /// Other files to write beside the adapter, by name.
  public var attachments: [String: Data]
  /// Where TensorBoard's files of the run are, to be beside the adapter too.
  public var tensorBoard: URL?

  public init(
    _ result: TrainingResult, report: RunReport? = nil, attachments: [String: Data] = [:],
    tensorBoard: URL? = nil
  ) {
    self.result = result
    self.report = report
    self.attachments = attachments
    self.tensorBoard = tensorBoard
  }

  /// Writes into a folder, or as the newest version of the adapter's name in a library.
  /// - Parameter isAgain: takes a version of the library that already is this adapter for saved: a process that was
  ///   killed later has put it there
  /// - Returns: the folder, or the version as `math@3`; nil for no destination
  func save(_ destination: TrainingJob.Destination?, isAgain: Bool) throws -> String? {
    switch destination {
    case nil: return nil
    case .folder(let folder, _): return try save(output: folder.relativePath, name: nil)
    case .library(let library):
      let name = result.adapter.name
      if isAgain, let entry = try version(of: name, in: library) { return entry.description }
      return try save(output: nil, name: name, library: library)
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
    try RunFolder.replace(folder) { try write(to: $0) }
    return folder.relativePath
  }

  /// The version that is this adapter: of the same data and steps, and bit for bit of the same weights.
  private func version(of name: String, in library: AdapterLibrary) throws -> AdapterLibrary.Entry? {
    let own = result.adapter.record
    return try library.versions(of: name).last { entry in
      guard let record = try? entry.record(), record.dataHash == own?.dataHash,
        record.training?.steps == own?.training?.steps, record.parents == own?.parents,
        let weights = try? AdapterWeights(peft: entry.folder)
      else { return false }
      let made = result.adapter.weights
      return weights.sites == made.sites && weights.content?.tensors == made.content?.tensors
    }
  }

  /// The loss of each step, as a picture.
  public var lossCurve: String {
    LineChart(
      title: "Training loss: \(result.adapter.name)", xLabel: "step", yLabel: "nats a response token",
      series: [(name: "loss", points: result.events.map { (Double($0.step), $0.loss) })]
    ).svg()
  }

  private func write(to folder: URL) throws {
    let log = TrainingLog.text(result.events, result.validations)
    try AtomicFile.write(Data(log.utf8), to: folder.appending(path: AdapterLogs.textFile))
    try AtomicFile.write(Data(lossCurve.utf8), to: folder.appending(path: "loss.svg"))
    if let report {
      try AtomicFile.write(Data(report.page().html().utf8), to: folder.appending(path: "report.html"))
    }
    for (name, data) in attachments { try AtomicFile.write(data, to: folder.appending(path: name)) }
    try copyBoard(to: folder.appending(path: AdapterLogs.boardFolder))
    // Its record lists all that is there by then.
    try result.adapter.weights.write(
      to: folder, record: result.adapter.record ?? AdapterRecord(motet: motetVersion))
  }

  private func copyBoard(to folder: URL) throws {
    guard let tensorBoard, tensorBoard.standardizedFileURL.path != folder.standardizedFileURL.path else {
      return
    }
    let files = TensorBoardLog.files(in: tensorBoard)
    if files.isEmpty { return }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for file in files {
      try AtomicFile.write(Data(contentsOf: file), to: folder.appending(path: file.lastPathComponent))
    }
  }
}
