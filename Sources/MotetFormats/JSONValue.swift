import Foundation

/// A JSON value as a tree, for small files: configurations and indexes.
package enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Reads the object in the file at `url`, which may have at most `limit` bytes.
  package static func object(contentsOf url: URL, limit: Int = 16 << 20) throws -> [String: JSONValue] {
    let file = try MappedFile(contentsOf: url)
    guard file.count <= limit else {
      throw FormatError.malformed(
        file: url.path, place: "byte \(limit)",
        problem: "it has \(file.count) bytes, more than such a file needs",
        mend: "check that it is the file you mean")
    }
    return try file.withBytes { bytes in
      try ForeignContent.refuse(bytes, file: url.path)
      return try object(bytes, file: url.path)
    }
  }

  /// Reads the object in `bytes`, which stand in `file`.
  static func object(_ bytes: UnsafeRawBufferPointer, file: String) throws -> [String: JSONValue] {
    var reader = JSONReader(bytes, file: file)
    guard try reader.peek() == UInt8(ascii: "{"), case .object(let members) = try reader.value() else {
      throw reader.failure("an object was expected")
    }
    try reader.end()
    return members
  }

  /// The value as text, with members sorted by name; with `indent` each on a line of its own.
  package func text(indent: Int? = nil, level: Int = 0) -> String {
    let inner = indent.map { "\n" + String(repeating: " ", count: $0 * (level + 1)) } ?? ""
    let outer = indent.map { "\n" + String(repeating: " ", count: $0 * level) } ?? ""
    let colon = indent == nil ? ":" : ": "
    switch self {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return String(value)
    // JSON has no way to write NaN or an infinity; those who build values keep them out.
    case .double(let value): return value.isFinite ? String(value) : "null"
    case .string(let value): return Self.literal(value)
    case .array(let elements):
      if elements.isEmpty { return "[]" }
      return "[" + elements.map { inner + $0.text(indent: indent, level: level + 1) }.joined(separator: ",")
        + outer + "]"
    case .object(let members):
      if members.isEmpty { return "{}" }
      let lines = members.sorted { $0.key < $1.key }.map {
        inner + Self.literal($0.key) + colon + $0.value.text(indent: indent, level: level + 1)
      }
      return "{" + lines.joined(separator: ",") + outer + "}"
    }
  }

  /// A string in quotation marks, escaped.
  static func literal(_ string: String) -> String {
    var result = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..<"\u{20}", "\u{7F}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension JSONValue {
  /// A number: whole when it is one, as Python would write it.
  package static func number(_ value: Double) -> JSONValue {
    Int(exactly: value).map { .int($0) } ?? .double(value)
  }

  package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// A whole number; `4.0` counts as one.
  package var intValue: Int? {
    switch self {
    case .int(let value): value
    case .double(let value): Int(exactly: value)
    default: nil
    }
  }

  package var doubleValue: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The strings of an array that holds nothing else.
  package var stringsValue: [String]? {
    guard case .array(let elements) = self else { return nil }
    let strings = elements.compactMap(\.stringValue)
    return strings.count == elements.count ? strings : nil
  }

  /// The whole numbers of an array that holds nothing else.
  package var intsValue: [Int]? {
    guard case .array(let elements) = self else { return nil }
    let ints = elements.compactMap(\.intValue)
    return ints.count == elements.count ? ints : nil
  }

  /// Whether the value says "nothing": null, false, an empty array or an empty object.
  package var isAbsent: Bool {
    switch self {
    case .null, .bool(false): true
    case .array(let elements): elements.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  /// The value as text, cut where it is long.
  package var brief: String {
    let text = text()
    return text.count > 40 ? text.prefix(40) + "…" : text
  }
}
