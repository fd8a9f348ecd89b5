/// The cyclic redundancy check of Castagnoli, as iSCSI and TFRecord use it (RFC 3720, section 12.1 and appendix B.4).
enum CRC32C {
  /// The remainders of the bytes, of the polynomial 0x1EDC6F41 read from its other end.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { remainder, _ in
      remainder & 1 == 1 ? remainder >> 1 ^ 0x82F6_3B78 : remainder >> 1
    }
  }

  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(UInt32.max) { remainder, byte in
      remainder >> 8 ^ table[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)]
    }
  }

  /// The check as TFRecord stores it: rotated and shifted, because a check over bytes that hold their own check
  /// would say little.
  static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let check = checksum(bytes)
    return (check >> 15 | check << 17) &+ 0xA282_EAD8
  }
}
