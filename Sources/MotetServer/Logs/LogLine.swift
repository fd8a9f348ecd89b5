import Foundation
import Logging
import MotetFormats

/// One thing that is logged.
struct LogLine {
  let time: Date
  let level: Logger.Level
  let message: String
  let metadata: Logger.Metadata

  private var stamp: String { time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }

  /// Facts that are numbers and are told as such, so that a log can be asked for all above one.
  private static let numbers: Set = [
    "status", "seconds", "prompt_tokens", "completion_tokens", "score", "port",
  ]

  /// One JSON object.
  var json: String {
    var members: [String: JSONValue] = [:]
    for (name, value) in metadata {
      members[name] = Self.numbers.contains(name) ? Self.number("\(value)") : Self.value(value)
    }
    members["time"] = .string(stamp)
    members["level"] = .string(level.rawValue)
    members["message"] = .string(message)
    return JSONValue.object(members).text()
  }

  var text: String {
    let rest = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\(Self.oneLine("\($0.value)"))" }
      .joined()
    return "\(stamp) \(level.rawValue) \(Self.oneLine(message))\(rest)"
  }

  private static func value(_ value: Logger.MetadataValue) -> JSONValue {
    switch value {
    case .string(let text): .string(text)
    case .stringConvertible(let thing): .string("\(thing)")
    case .array(let values): .array(values.map(Self.value))
    case .dictionary(let values): .object(values.mapValues(Self.value))
    }
  }

  private static func number(_ text: String) -> JSONValue {
    Int(text).map { .int($0) } ?? Double(text).map { .double($0) } ?? .string(text)
  }

  /// Without line breaks, so that no client can write a line of its own.
  private static func oneLine(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F || $0.value == 0x2028 })
    else { return text }
    return JSONValue.string(text).text()
  }
}
