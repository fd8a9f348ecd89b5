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
    return Self.visible(JSONValue.object(members).text())
  }

  var text: String {
    let rest = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\(Self.oneLine("\($0.value)"))" }
      .joined()
    return "\(stamp) \(level.rawValue) \(Self.oneLine(message, quotesSpaces: false))\(rest)"
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

  /// As it is, or in quotes with escapes where it would break the line or read as another fact of it, so that no client
  /// can write a line or a fact of its own.
  private static func oneLine(_ text: String, quotesSpaces: Bool = true) -> String {
    let needsQuotes = text.unicodeScalars.contains { scalar in
      isHidden(scalar) || (quotesSpaces && (scalar == " " || scalar == "\"" || scalar == "="))
    }
    return needsQuotes ? visible(JSONValue.string(text).text()) : text
  }

  /// JSON with everything in it escaped that a terminal obeys or does not show: control characters, marks that turn the
  /// direction of writing, and separators of lines.
  private static func visible(_ json: String) -> String {
    guard json.unicodeScalars.contains(where: isHidden) else { return json }
    var result = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      guard isHidden(scalar) else {
        result.append(scalar)
        continue
      }
      for unit in String(scalar).utf16 {
        let digits = String(unit, radix: 16)
        result.append(
          contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
      }
    }
    return String(result)
  }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    if (0x20..<0x7F).contains(scalar.value) { return false }
    return switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
