import Foundation
import Logging

/// Log lines on stderr: one JSON object each, or words for people.
public struct StderrLogHandler: LogHandler {
  public enum Format: String, Sendable, CaseIterable {
    case json, text
  }

  public var metadata: Logger.Metadata = [:]
  public var logLevel = Logger.Level.info
  public var metadataProvider: Logger.MetadataProvider?
  private let format: Format
  private let write: @Sendable (String) -> Void

  /// - Parameter write: takes whole lines
  public init(
    _ format: Format, level: Logger.Level = .info,
    write: @escaping @Sendable (String) -> Void = { FileHandle.standardError.write(Data($0.utf8)) }
  ) {
    self.format = format
    self.write = write
    logLevel = level
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var fields = metadata
    fields.merge(metadataProvider?.get() ?? [:]) { $1 }
    fields.merge(event.metadata ?? [:]) { $1 }
    if let error = event.error { fields["error"] = "\(error)" }
    let line = LogLine(
      time: Date(), level: event.level, message: event.message.description, metadata: fields)
    write((format == .json ? line.json : line.text) + "\n")
  }
}
