import Foundation

/// Reads JSON where it stands, without building a tree, and says at which byte it stops being right.
///
/// Nesting is bounded, member names may not repeat, and nothing is allocated that the text does not fill.
/// Source: RFC 8259.
package struct JSONReader {
  /// Deeper nesting than any file we read has, and far less than the stack bears.
  static let maximumDepth = 64

  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private let origin: Int
  private(set) var position = 0
  private var depth = 0
  /// Objects and arrays that may still come.
  var containersLeft = Int.max

  /// Reads `bytes`, which start at byte `origin` of `file`. They must outlive the reader.
  package init(_ bytes: UnsafeRawBufferPointer, file: String, origin: Int = 0) {
    self.bytes = bytes
    self.file = file
    self.origin = origin
  }

  /// The error that `problem` stands at the current byte.
  package func failure(_ problem: String) -> FormatError {
    .malformed(
      file: file, place: "byte \(origin + position)", problem: problem,
      mend: "the JSON is damaged: fetch or write the file again")
  }

  /// The next byte that is not white space, without taking it.
  package mutating func peek() throws -> UInt8 {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return bytes[position]
      }
    }
    throw failure("the text ends too early")
  }

  /// Requires that only white space follows.
  package mutating func end() throws {
    if (try? peek()) != nil { throw failure("there is something after the end") }
  }

  /// Reads an object; `body` reads each member's value.
  package mutating func object(_ body: (inout JSONReader, String) throws -> Void) throws {
    var names = Set<String>()
    try members(
      admitting: { reader, name in
        guard names.insert(name).inserted else {
          throw reader.failure("the name \(quoted(name)) stands twice")
        }
      }, body)
  }

  /// Reads an object whose names `body` checks, which reads each member's value. Two names that are equal as `String`s
  /// may differ in their bytes, as `é` written as one character and as two.
  package mutating func members(_ body: (inout JSONReader, String) throws -> Void) throws {
    try members(admitting: { _, _ in }, body)
  }

  private mutating func members(
    admitting admit: (JSONReader, String) throws -> Void, _ body: (inout JSONReader, String) throws -> Void
  ) throws {
    try open("{", "an object")
    if try take("}") {
      depth -= 1
      return
    }
    repeat {
      let name = try string()
      try admit(self, name)
      guard try take(":") else { throw failure("there is no ':' after the name \(quoted(name))") }
      try body(&self, name)
    } while try take(",")
    guard try take("}") else { throw failure("an object goes on without ',' or '}'") }
    depth -= 1
  }

  /// Reads an array; `body` reads each element.
  package mutating func array(_ body: (inout JSONReader) throws -> Void) throws {
    try open("[", "an array")
    if try take("]") {
      depth -= 1
      return
    }
    repeat { try body(&self) } while try take(",")
    guard try take("]") else { throw failure("an array goes on without ',' or ']'") }
    depth -= 1
  }

  private mutating func open(_ bracket: Unicode.Scalar, _ what: String) throws {
    guard try peek() == UInt8(ascii: bracket) else { throw failure("\(what) was expected") }
    position += 1
    depth += 1
    containersLeft -= 1
    guard containersLeft >= 0 else { throw failure("it has more objects and arrays than are read") }
    guard depth <= Self.maximumDepth else { throw failure("it nests more than \(Self.maximumDepth) deep") }
  }

  /// Takes `scalar` if it comes next.
  private mutating func take(_ scalar: Unicode.Scalar) throws -> Bool {
    guard try peek() == UInt8(ascii: scalar) else { return false }
    position += 1
    return true
  }

  /// Reads a whole number that fits `Int`.
  package mutating func integer() throws -> Int {
    let start = position
    guard case .int(let value) = try number() else {
      position = start
      throw failure("a whole number was expected")
    }
    return value
  }

  /// Reads any number: `.int` when written as one that fits `Int`, else `.double`.
  package mutating func number() throws -> JSONValue {
    _ = try peek()
    let start = position
    while position < bytes.count, Self.isNumberByte(bytes[position]) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    let digits = text.drop { $0 == "-" }
    let wellFormed =
      (1...400).contains(text.count) && digits.first?.isNumber == true && digits.last?.isNumber == true
      && !(digits.hasPrefix("0") && digits.dropFirst().first?.isNumber == true)
    if wellFormed, let value = Int(text) { return .int(value) }
    if wellFormed, let value = Double(text), value.isFinite { return .double(value) }
    position = start
    throw failure("a number was expected")
  }

  /// Reads any number and gives it as it is written: `1.50` stays `1.50`.
  mutating func numberText() throws -> String {
    _ = try peek()
    let start = position
    _ = try number()
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func isNumberByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
      UInt8(ascii: "e"), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  /// Reads any value into a tree.
  package mutating func value() throws -> JSONValue {
    switch try peek() {
    case UInt8(ascii: "{"):
      var members: [String: JSONValue] = [:]
      try object { reader, name in members[name] = try reader.value() }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      try array { reader in elements.append(try reader.value()) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
    let length = text.utf8CodeUnitCount
    guard position + length <= bytes.count,
      text.withUTF8Buffer({ $0.elementsEqual(bytes[position..<position + length]) })
    else { throw failure("a value was expected") }
    position += length
    return value
  }
}

// MARK: - Strings

extension JSONReader {
  /// Reads a string, escapes resolved.
  package mutating func string() throws -> String {
    guard try peek() == UInt8(ascii: "\"") else { throw failure("a string was expected") }
    position += 1
    let start = position
    position = plainEnd(from: start)
    guard position < bytes.count else { throw failure("a string does not end") }
    switch bytes[position] {
    case UInt8(ascii: "\""):
      let text = try validated(bytes[start..<position])
      position += 1
      return text
    case UInt8(ascii: "\\"): return try escapedString(from: start)
    default: throw failure("a string holds a control character")
    }
  }

  /// Where the bytes end that stand for themselves.
  private func plainEnd(from start: Int) -> Int {
    var end = start
    while end < bytes.count {
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      end += 1
    }
    return end
  }

  private func validated(_ text: some Sequence<UInt8>) throws -> String {
    guard let string = String(validating: text, as: UTF8.self) else {
      throw failure("a string is not UTF-8")
    }
    return string
  }

  /// The slow path, entered at the first backslash.
  private mutating func escapedString(from start: Int) throws -> String {
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return try validated(text)
      case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
      case 0..<0x20: throw failure("a string holds a control character")
      default:
        let end = plainEnd(from: position)
        text.append(contentsOf: bytes[(position - 1)..<end])
        position = end
      }
    }
    throw failure("a string does not end")
  }

  private mutating func escape() throws -> [UInt8] {
    guard position < bytes.count else { throw failure("a string does not end") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(try unicodeEscape()).utf8)
    default: throw failure("a string holds an unknown escape")
    }
  }

  private mutating func unicodeEscape() throws -> Unicode.Scalar {
    let first = UInt32(try hexadecimal())
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard (0xD800..<0xDC00).contains(first), position + 1 < bytes.count,
      bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
    else { throw failure("a string holds half a surrogate pair") }
    position += 2
    let second = UInt32(try hexadecimal())
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw failure("a string holds half a surrogate pair") }
    return scalar
  }

  private mutating func hexadecimal() throws -> UInt16 {
    guard position + 4 <= bytes.count else { throw failure("a string does not end") }
    var value: UInt16 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("'\\u' is not followed by four hexadecimal digits")
      }
      value = value << 4 | UInt16(digit)
    }
    position += 4
    return value
  }
}
