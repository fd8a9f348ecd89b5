/// Reads the fields of a protocol buffer one after another. Source: protobuf.dev, "Encoding".
struct ProtocolBufferReader {
  enum Value {
    case number(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(UnsafeRawBufferPointer)
  }

  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  private func malformed(_ problem: String) -> TokenizerError {
    .unreadable(file: file, reason: "it is not a SentencePiece model: \(problem)")
  }

  /// The next field with its number; nil at the end.
  mutating func next() throws -> (field: Int, value: Value)? {
    if position == bytes.count { return nil }
    let key = try varint()
    guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw malformed("a field has the number \(key >> 3)") }
    let field = Int(key >> 3)
    switch key & 7 {
    case 0: return (field, .number(try varint()))
    case 1: return (field, .fixed64(try fixed(8)))
    case 2:
      let length = try varint()
      guard length <= UInt64(bytes.count - position) else { throw malformed("a field ends after the file") }
      let range = position..<position + Int(length)
      position = range.upperBound
      return (field, .bytes(UnsafeRawBufferPointer(rebasing: bytes[range])))
    case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    default: throw malformed("a field has the type \(key & 7)")
    }
  }

  func string(_ bytes: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed("a piece is not UTF-8") }
    return text
  }

  private mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < bytes.count else { throw malformed("it ends in the middle of a number") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw malformed("a number has more than 10 bytes")
  }

  private mutating func fixed(_ count: Int) throws -> UInt64 {
    guard bytes.count - position >= count else { throw malformed("it ends in the middle of a number") }
    defer { position += count }
    return (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
  }
}
