/// A set of bytes.
struct ByteSet: Sendable, Hashable {
  private var words = SIMD4<UInt64>()

  static let all = ByteSet(0x00...0xFF)

  init() {}

  init(_ ranges: ClosedRange<UInt8>...) {
    for range in ranges { for byte in range { insert(byte) } }
  }

  init(_ text: String) { for byte in text.utf8 { insert(byte) } }

  mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

  func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] & (1 << UInt64(byte & 63)) != 0 }

  func intersection(_ other: ByteSet) -> ByteSet {
    var result = self
    result.words &= other.words
    return result
  }

  func subtracting(_ other: ByteSet) -> ByteSet {
    var result = self
    result.words &= ~other.words
    return result
  }

  var isEmpty: Bool { words == SIMD4() }

  /// Its bytes as ranges, ascending and apart from each other.
  var ranges: [ClosedRange<UInt8>] {
    var found: [ClosedRange<UInt8>] = []
    var byte = 0
    while byte < 256 {
      // Whole words without a byte are passed over at once.
      let rest = words[byte >> 6] >> UInt64(byte & 63)
      guard rest != 0 else {
        byte = (byte | 63) + 1
        continue
      }
      byte += rest.trailingZeroBitCount
      let first = byte
      while byte < 256, contains(UInt8(byte)) { byte += 1 }
      found.append(UInt8(first)...UInt8(byte - 1))
    }
    return found
  }
}
