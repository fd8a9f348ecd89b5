import Foundation
import MotetFormats

/// Event files that TensorBoard shows beside other runs, written as the run goes.
///
///     let log = try TensorBoardLog(folder: URL(filePath: "adapters/math/tensorboard"))
///     try log.scalars([("train/loss", 1.41)], step: 1)
///
/// A run that goes on after a stop opens the folder again with `resumingAt`: a new file is begun, as TensorBoard
/// wants it, which says from which step on the older ones no longer hold.
public final class TensorBoardLog: Sendable {
  /// The file that is written.
  public let url: URL
  private let file: AppendedFile

  /// - Parameters:
  ///   - folder: made when it is not there; each run has its own
  ///   - resumingAt: the first step that will be written again or anew; nil for a run from its beginning
  ///   - time: what the file is named after
  /// - Throws: ``FormatError/unwritable(file:reason:)``
  public init(folder: URL, resumingAt step: Int? = nil, time: Date = .now) throws {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw FormatError.unwritable(file: folder.path, reason: error.localizedDescription)
    }
    url = folder.appending(path: Self.fileName(in: folder, time: time))
    file = try AppendedFile(url)
    try write(.version, step: 0, time: time)
    if let step { try write(.start, step: step, time: time) }
  }

  /// Appends values of one step.
  /// - Parameter scalars: named `train/loss`, what stands before the `/` being the group they are shown in
  /// - Throws: ``FormatError/unwritable(file:reason:)``, with its own words for a full disk
  public func scalars(_ scalars: [(tag: String, value: Double)], step: Int, time: Date = .now) throws {
    try write(.scalars(scalars), step: step, time: time)
  }

  /// Appends a text in Markdown.
  public func text(_ text: String, tag: String, step: Int = 0, time: Date = .now) throws {
    try write(.text(tag: tag, text), step: step, time: time)
  }

  /// The event files of a folder, in the order in which readers take them.
  static func files(in folder: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasPrefix(prefix) }.sorted().map { folder.appending(path: $0) }
  }

  private static let prefix = "events.out.tfevents."

  private func write(_ content: TensorBoardEvent.Content, step: Int, time: Date) throws {
    let event = TensorBoardEvent(wallTime: time.timeIntervalSince1970, step: step, content: content)
    try file.append(TFRecord.frame(event.bytes))
  }

  /// `events.out.tfevents.SECONDS.HOST.PID.0`. Readers take a folder's files in the order of their names, so a file's
  /// seconds are later than those of all that are there.
  private static func fileName(in folder: URL, time: Date) -> String {
    let last = files(in: folder).compactMap { file in
      Int(file.lastPathComponent.dropFirst(prefix.count).prefix { $0.isNumber })
    }.max()
    let seconds = max(Int(time.timeIntervalSince1970), (last ?? -1) + 1)
    return prefix + String(format: "%010d", seconds) + ".\(hostName).\(getpid()).0"
  }

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return text.isEmpty ? "localhost" : text.replacing("/", with: "-")
  }
}
