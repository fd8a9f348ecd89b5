import Crypto
import Foundation
import MotetFormats

extension AdapterRecord {
  /// SHA-256 of the adapter's `adapter_model.safetensors`, in hexadecimal digits.
  ///
  /// - Throws: `FormatError.unreadable`.
  public static func hash(of folder: URL) throws -> String {
    try hash(ofFile: folder.appendingPathComponent("adapter_model.safetensors"))
  }

  /// SHA-256 of a file, read a megabyte at a time, in hexadecimal digits.
  ///
  /// - Throws: `FormatError.unreadable`.
  public static func hash(ofFile file: URL) throws -> String {
    var hash = SHA256()
    do {
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
    } catch {
      throw FormatError.unreadable(file: file.path, reason: error.localizedDescription)
    }
    return hash.finalize().map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
