/// The printable stand-ins that byte-level vocabularies use for the 256 bytes.
///
/// Bytes that print in Latin-1 stand for themselves; the other 68, in order, are U+0100 and up, so a space
/// is written `Ġ`. Source: `bytes_to_unicode` of GPT-2 (github.com/openai/gpt-2, `src/encoder.py`).
enum ByteAlphabet {
  /// The stand-in of each byte.
  static let scalars: [Unicode.Scalar] = {
    var spare: UInt32 = 0x100
    return (0..<256).map { (byte: UInt32) in
      if let scalar = Unicode.Scalar(byte), isPrintable(byte) { return scalar }
      defer { spare += 1 }
      return Unicode.Scalar(spare) ?? "\u{FFFD}"
    }
  }()

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: zip(scalars, UInt8.min...UInt8.max))

  private static func isPrintable(_ byte: UInt32) -> Bool {
    (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
  }

  /// The bytes `token` stands for, or its own UTF-8 when it holds a character outside the alphabet.
  static func decode(_ token: String) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(token.utf8.count)
    for scalar in token.unicodeScalars {
      guard let byte = bytes[scalar] else { return Array(token.utf8) }
      decoded.append(byte)
    }
    return decoded
  }
}
