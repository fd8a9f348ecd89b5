/// The printable stand-ins that byte-level vocabularies use for the 256 bytes.
///
/// Bytes that print in Latin-1 stand for themselves; the other 68, in order, are U+0100 and up, so a space
/// is written `Ġ`. Source: `bytes_to_unicode` of GPT-2 (github.com/openai/gpt-2, `src/encoder.py`).
enum ByteAlphabet {
  /// The stand-in of each byte.
  static let scalars: [Unicode.Scalar] = values.map { Unicode.Scalar($0) ?? " " }

  /// The stand-in of each byte, as a number.
  static let values: [UInt32] = {
    var spare: UInt32 = 0x100
    return (0..<256).map { (byte: UInt32) in
      if isPrintable(byte) { return byte }
      defer { spare += 1 }
      return spare
    }
  }()

  /// The byte that each character below U+0144 stands for, or -1.
  private static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 0x144)
    for (byte, value) in values.enumerated() { bytes[Int(value)] = Int16(byte) }
    return bytes
  }()

  private static func isPrintable(_ byte: UInt32) -> Bool {
    (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
  }

  /// The bytes `token` stands for, or its own UTF-8 when it holds a character outside the alphabet.
  static func decode(_ token: some Collection<UInt8>) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(token.count)
    // Stand-ins have one byte or two; the bytes may be no UTF-8 at all.
    var lead: UInt8?
    for byte in token {
      if let first = lead {
        guard byte & 0xC0 == 0x80 else { return Array(token) }
        let value = Int(first & 0x1F) << 6 | Int(byte & 0x3F)
        guard value < bytes.count, bytes[value] >= 0 else { return Array(token) }
        decoded.append(UInt8(bytes[value]))
        lead = nil
      } else if byte >= 0x80 {
        guard byte & 0xE0 == 0xC0 else { return Array(token) }
        lead = byte
      } else {
        guard bytes[Int(byte)] >= 0 else { return Array(token) }
        decoded.append(UInt8(bytes[Int(byte)]))
      }
    }
    return lead == nil ? decoded : Array(token)
  }
}
