/// Walks the header of a GGUF file and never believes a length that the rest of the file cannot hold.
struct GGUFReader {
  /// The specification allows keys of at most 2¹⁶ − 1 bytes.
  static let maximumKey = 65_535
  /// Arrays of arrays are legal and unused; a few levels are read.
  static let maximumNesting = 4

  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  var remaining: Int { bytes.count - position }

  func failure(_ problem: String, mend: String = fetchAgain) -> FormatError {
    .malformed(file: file, place: "byte \(position)", problem: problem, mend: mend)
  }

  mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) throws -> T {
    guard remaining >= MemoryLayout<T>.size else { throw failure("the header ends too early") }
    defer { position += MemoryLayout<T>.size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
  }

  /// A count of things that take at least `bytesEach` bytes of the rest of the file.
  mutating func count(of what: String, bytesEach: Int, limit: Int = .max) throws -> Int {
    let claimed: UInt64 = try integer()
    guard claimed <= min(limit, remaining / bytesEach) else {
      position -= 8
      throw failure("it claims \(claimed) \(what), more than the file can hold")
    }
    return Int(claimed)
  }

  mutating func string(_ what: String, limit: Int = .max) throws -> String {
    let length = try count(of: "bytes of \(what)", bytesEach: 1, limit: limit)
    let end = position + length
    guard let text = String(validating: bytes[position..<end], as: UTF8.self) else {
      throw failure("\(what) is not UTF-8")
    }
    position = end
    return text
  }

  private mutating func bool() throws -> Bool {
    switch try integer(UInt8.self) {
    case 0: return false
    case 1: return true
    case let other:
      position -= 1
      throw failure("a truth value is \(other), neither 0 nor 1")
    }
  }

  /// A metadata value, its type before it.
  mutating func value() throws -> GGUFValue {
    let type: UInt32 = try integer()
    switch type {
    case 0: return .uint8(try integer())
    case 1: return .int8(try integer())
    case 2: return .uint16(try integer())
    case 3: return .int16(try integer())
    case 4: return .uint32(try integer())
    case 5: return .int32(try integer())
    case 6: return .float32(Float(bitPattern: try integer()))
    case 7: return .bool(try bool())
    case 8: return .string(try string("a string"))
    case 9: return .array(try array(depth: 1))
    case 10: return .uint64(try integer())
    case 11: return .int64(try integer())
    case 12: return .float64(Double(bitPattern: try integer()))
    default:
      position -= 4
      throw failure("\(type) is no metadata type (0 to 12)")
    }
  }

  private mutating func array(depth: Int) throws -> GGUFArray {
    guard depth <= Self.maximumNesting else {
      throw failure("arrays nest more than \(Self.maximumNesting) deep")
    }
    let type: UInt32 = try integer()
    switch type {
    case 0: return .uint8(try elements(1) { try $0.integer() })
    case 1: return .int8(try elements(1) { try $0.integer() })
    case 2: return .uint16(try elements(2) { try $0.integer() })
    case 3: return .int16(try elements(2) { try $0.integer() })
    case 4: return .uint32(try elements(4) { try $0.integer() })
    case 5: return .int32(try elements(4) { try $0.integer() })
    case 6: return .float32(try elements(4) { Float(bitPattern: try $0.integer()) })
    case 7: return .bool(try elements(1) { try $0.bool() })
    case 8: return .string(try elements(8) { try $0.string("a string") })
    case 9: return .array(try elements(12) { try $0.array(depth: depth + 1) })
    case 10: return .uint64(try elements(8) { try $0.integer() })
    case 11: return .int64(try elements(8) { try $0.integer() })
    case 12: return .float64(try elements(8) { Double(bitPattern: try $0.integer()) })
    default:
      position -= 4
      throw failure("\(type) is no metadata type (0 to 12)")
    }
  }

  private mutating func elements<T>(
    _ bytesEach: Int, _ read: (inout GGUFReader) throws -> T
  ) throws -> [T] {
    let count = try count(of: "array elements", bytesEach: bytesEach)
    var result: [T] = []
    // The count fits the file, but a lying one should not reserve much before the first element fails.
    result.reserveCapacity(min(count, 1 << 16))
    for _ in 0..<count { result.append(try read(&self)) }
    return result
  }
}
