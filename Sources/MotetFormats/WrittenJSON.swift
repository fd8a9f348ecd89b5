/// A JSON value with its members in their order and its numbers as they are written: `1.50` is not `1.5`, and an
/// identifier of twenty digits keeps them all.
package indirect enum WrittenJSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([WrittenJSON])
  case object([Member])

  package struct Member: Equatable, Sendable {
    package let name: String
    package let value: WrittenJSON

    package init(name: String, value: WrittenJSON) {
      self.name = name
      self.value = value
    }
  }

  /// Reads one value and nothing after it.
  /// - Parameter name: what errors call the bytes
  /// - Throws: ``JSONTextError`` with the byte at which it stops being JSON: a name that stands twice and half a
  ///   surrogate pair are such places too
  package init(parsing bytes: UnsafeRawBufferPointer, named name: String) throws(JSONTextError) {
    do {
      var reader = JSONReader(bytes, file: name)
      self = try Self.read(&reader)
      try reader.end()
    } catch FormatError.malformed(_, let place, let problem, _) {
      throw JSONTextError(name: name, place: place, problem: problem)
    } catch {
      throw JSONTextError(name: name, place: "byte 0", problem: "\(error)")
    }
  }

  private static func read(_ reader: inout JSONReader) throws -> WrittenJSON {
    switch try reader.peek() {
    case UInt8(ascii: "{"):
      var members: [Member] = []
      try reader.object { reader, name in members.append(Member(name: name, value: try read(&reader))) }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [WrittenJSON] = []
      try reader.array { reader in elements.append(try read(&reader)) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try reader.string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try reader.numberText())
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
      switch try reader.value() {
      case .bool(let value): return .bool(value)
      default: return .null
      }
    default: throw reader.failure("a value was expected")
    }
  }

  /// A member's value; nil when there is none, or this is not an object.
  package subscript(name: String) -> WrittenJSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }
}
