/// A JSON value that keeps its members in the order they were written: what a schema's properties need.
package indirect enum JSONTree: Equatable, Sendable {
  case object([Member])
  case array([JSONTree])
  /// Anything else.
  case leaf(JSONValue)

  package struct Member: Equatable, Sendable {
    package let name: String
    package let value: JSONTree

    package init(name: String, value: JSONTree) {
      self.name = name
      self.value = value
    }
  }

  /// Reads one value and nothing after it.
  /// - Parameter name: what errors call the text
  /// - Throws: `FormatError` with the byte at which it stops being JSON
  package init(parsing text: String, named name: String) throws {
    var text = text
    self = try text.withUTF8 { bytes in
      var reader = JSONReader(UnsafeRawBufferPointer(bytes), file: name)
      let tree = try Self.read(&reader)
      try reader.end()
      return tree
    }
  }

  private static func read(_ reader: inout JSONReader) throws -> JSONTree {
    switch try reader.peek() {
    case UInt8(ascii: "{"):
      var members: [Member] = []
      try reader.object { reader, name in members.append(Member(name: name, value: try read(&reader))) }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONTree] = []
      try reader.array { reader in elements.append(try read(&reader)) }
      return .array(elements)
    default: return .leaf(try reader.value())
    }
  }

  /// The text, with members in their order and no white space.
  package var text: String {
    switch self {
    case .object(let members):
      "{" + members.map { JSONValue.string($0.name).text() + ":" + $0.value.text }.joined(separator: ",")
        + "}"
    case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
    case .leaf(let value): value.text()
    }
  }

  /// A member's value; nil where there is none, or this is no object.
  package subscript(name: String) -> JSONTree? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  package var members: [Member]? { if case .object(let members) = self { members } else { nil } }
  package var elements: [JSONTree]? { if case .array(let elements) = self { elements } else { nil } }
  package var value: JSONValue? { if case .leaf(let value) = self { value } else { nil } }
}
