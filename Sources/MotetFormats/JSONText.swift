/// JSON that comes from elsewhere than a file, such as the body of a request.
///
/// As strict as for files: UTF-8, at most 64 levels, no name twice, nothing after the end.
package struct JSONText: Sendable {
  private let bytes: [UInt8]
  /// What errors call it.
  private let name: String

  package init(_ bytes: [UInt8], name: String) {
    self.bytes = bytes
    self.name = name
  }

  /// - Parameter containers: objects and arrays that it may have: each takes many times the bytes of its text
  /// - Throws: ``JSONTextError`` with the byte at which it stops being right
  package func value(containers: Int = .max) throws(JSONTextError) -> JSONValue {
    try read { reader in
      reader.containersLeft = containers
      let value = try reader.value()
      try reader.end()
      return value
    }
  }

  /// The text of the value that stands under `path`, as it was written: the order of its members is kept, which a tree
  /// does not do. nil when there is none.
  package func text(at path: [String]) throws(JSONTextError) -> String? {
    let range = try read { try Self.range(of: path[...], in: &$0) }
    return range.map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  private func read<T>(_ body: (inout JSONReader) throws -> T) throws(JSONTextError) -> T {
    do {
      return try bytes.withUnsafeBytes {
        var reader = JSONReader($0, file: name)
        return try body(&reader)
      }
    } catch FormatError.malformed(_, let place, let problem, _) {
      throw JSONTextError(name: name, place: place, problem: problem)
    } catch {
      throw JSONTextError(name: name, place: "byte 0", problem: "\(error)")
    }
  }

  private static func range(of path: ArraySlice<String>, in reader: inout JSONReader) throws -> Range<Int>? {
    guard let name = path.first else {
      _ = try reader.peek()
      let start = reader.position
      _ = try reader.value()
      return start..<reader.position
    }
    guard try reader.peek() == UInt8(ascii: "{") else {
      _ = try reader.value()
      return nil
    }
    var found: Range<Int>?
    try reader.object { reader, member in
      if member == name {
        found = try range(of: path.dropFirst(), in: &reader)
      } else {
        _ = try reader.value()
      }
    }
    return found
  }
}

/// Where a text stops being JSON.
package struct JSONTextError: Error, Equatable, CustomStringConvertible {
  package let name: String
  package let place: String
  package let problem: String

  package var description: String { "\(name) is not JSON: \(place): \(problem)" }
}
