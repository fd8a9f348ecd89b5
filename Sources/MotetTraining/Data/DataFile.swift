import Foundation

/// A regular file of rows, as it was when it was first read.
struct DataFile: Sendable {
  let path: String
  let stamp: Stamp

  /// What tells that a file is still the one that was read.
  struct Stamp: Sendable, Equatable {
    let size: Int
    let inode: UInt64
    let seconds: Int
    let nanoseconds: Int

    /// nil for what is not a regular file.
    init?(_ status: stat) {
      guard status.st_mode & S_IFMT == S_IFREG else { return nil }
      #if canImport(Darwin)
        let time = status.st_mtimespec
      #else
        let time = status.st_mtim
      #endif
      size = Int(status.st_size)
      inode = UInt64(status.st_ino)
      seconds = time.tv_sec
      nanoseconds = time.tv_nsec
    }
  }

  init(_ path: String) throws {
    self.path = path
    var status = stat()
    guard stat(path, &status) == 0 else { throw DatasetError.unreadable(file: path) }
    // Asked before it is opened: a pipe without a writer would make that wait.
    guard let stamp = Stamp(status) else { throw DatasetError.readableOnceOnly(file: path) }
    self.stamp = stamp
  }

  /// - Throws: ``DatasetError/changed(file:)`` when it is not what it was
  func open() throws -> OpenFile {
    guard let file = try? OpenFile(path), file.stamp == stamp else {
      throw DatasetError.changed(file: path)
    }
    return file
  }
}

/// An open file; closed when nobody holds it.
final class OpenFile {
  let path: String
  private let descriptor: Int32

  init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DatasetError.unreadable(file: path) }
  }

  deinit { close(descriptor) }

  /// nil for what is not a regular file.
  var stamp: DataFile.Stamp? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? DataFile.Stamp(status) : nil
  }

  /// The next bytes, at most `count`; none at the end.
  func next(_ count: Int) throws -> [UInt8] {
    try fill(count) { bytes, done in read(descriptor, bytes.baseAddress?.advanced(by: done), count - done) }
  }

  /// Bytes `offset ..< offset + count`.
  /// - Throws: ``DatasetError/changed(file:)`` when the file ends before
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    let bytes = try fill(count) { bytes, done in
      pread(descriptor, bytes.baseAddress?.advanced(by: done), count - done, off_t(offset + done))
    }
    guard bytes.count == count else { throw DatasetError.changed(file: path) }
    return bytes
  }

  private func fill(
    _ count: Int, _ read: (UnsafeMutableBufferPointer<UInt8>, Int) -> Int
  ) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { bytes, done in
      while done < count {
        let got = read(bytes, done)
        if got == 0 { return }
        if got > 0 { done += got } else if errno != EINTR { throw DatasetError.unreadable(file: path) }
      }
    }
  }
}
