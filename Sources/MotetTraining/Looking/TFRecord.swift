import Foundation

/// The framing of TensorFlow's record files (`tensorflow/core/lib/io/record_writer.h`): length as u64, its masked
/// CRC32C, the bytes, their masked CRC32C; all little-endian.
enum TFRecord {
  static func frame(_ bytes: [UInt8]) -> Data {
    let length = littleEndian(UInt64(bytes.count))
    return Data(length + littleEndian(CRC32C.masked(length)) + bytes + littleEndian(CRC32C.masked(bytes)))
  }

  private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
