import Foundation

/// An open file; closed when nobody holds it. Reads take their places along, so that several may go on at once.
final class OpenFile: Sendable {
  /// What errors call it.
  let name: String
  let descriptor: Int32

  init(_ path: String) throws {
    name = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DatasetError.unreadable(file: path) }
  }

  /// Takes the descriptor over.
  init(_ descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  deinit { close(descriptor) }

  /// nil for what is not a regular file.
  var stamp: DataFile.Stamp? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? DataFile.Stamp(status) : nil
  }

  /// The bytes from `offset` on, at most `count`; none at the end.
  func bytes(from offset: Int, atMost count: Int) throws -> [UInt8] {
    try filled(count) { bytes, done in
      pread(descriptor, bytes.baseAddress?.advanced(by: done), count - done, off_t(offset + done))
    }
  }

  /// Bytes `offset ..< offset + count`.
  /// - Throws: ``DatasetError/changed(file:)`` when the file ends before
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    let bytes = try bytes(from: offset, atMost: count)
    guard bytes.count == count else { throw DatasetError.changed(file: name) }
    return bytes
  }

  /// The next bytes of what has no places, such as a pipe; none at the end.
  func next(_ count: Int) throws -> [UInt8] {
    try filled(count) { bytes, done in read(descriptor, bytes.baseAddress?.advanced(by: done), count - done) }
  }

  private func filled(
    _ count: Int, _ read: (UnsafeMutableBufferPointer<UInt8>, Int) -> Int
  ) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { bytes, done in
      while done < count {
        let got = read(bytes, done)
        if got == 0 { return }
        if got > 0 { done += got } else if errno != EINTR { throw DatasetError.unreadable(file: name) }
      }
    }
  }
}
