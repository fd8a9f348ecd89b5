import CZlib
import Foundation

extension SpoolFile {
  /// What a gzip file holds, all its members one after another.
  /// Source: RFC 1952, read by zlib's `gzread`, which checks sizes and CRC.
  /// - Throws: ``DatasetError/damaged(file:problem:)``
  static func gunzipped(_ file: OpenFile) throws -> OpenFile {
    let spool = try SpoolFile(for: file.name)
    let own = dup(file.descriptor)
    guard own >= 0, lseek(own, 0, SEEK_SET) == 0, let stream = gzdopen(own, "rb") else {
      if own >= 0 { close(own) }
      throw DatasetError.unreadable(file: file.name)
    }
    var isOpen = true
    defer { if isOpen { gzclose(stream) } }
    gzbuffer(stream, 1 << 17)
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let got = gzread(stream, &piece, UInt32(piece.count))
      if got < 0 {
        var code: Int32 = 0
        let problem = gzerror(stream, &code).map { String(cString: $0) } ?? "it does not inflate"
        throw DatasetError.damaged(file: file.name, problem: problem)
      }
      if got == 0 { break }
      try spool.write(piece[..<Int(got)])
    }
    isOpen = false
    // zlib gives what it could read of a file that ends too early, and says so only here.
    guard gzclose(stream) == Z_OK else {
      throw DatasetError.damaged(file: file.name, problem: "it ends too early")
    }
    return try spool.finished()
  }
}
