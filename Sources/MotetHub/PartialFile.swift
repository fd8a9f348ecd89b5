import Foundation
import MotetFormats

/// A file of which the beginning is here: `NAME.incomplete`, with the hash of what it holds.
///
/// Every byte is in the file as soon as ``append(_:)`` returns, so that whatever ends the process loses none.
final class PartialFile {
  let place: URL
  /// Of the whole file, in bytes.
  let size: Int
  /// Bytes that are here.
  private(set) var count = 0
  /// Whether some of them are from an earlier pull, or an earlier answer.
  private(set) var isResumed = false
  /// What the server called the bytes that came in this run; nil if it did not, or none came.
  var entityTag: String?

  private let digest: HubDigest
  private var hash: RunningHash
  private let descriptor: Int32

  /// Opens what is there, or a new file, and hashes what it holds.
  /// - Throws: ``HubError/unwritable(path:reason:)``, `CancellationError`
  init(_ place: URL, _ digest: HubDigest, size: Int) throws {
    (self.place, self.digest, self.size) = (place, digest, size)
    hash = RunningHash(digest, size: size)
    descriptor = open(place.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else { throw HubError.unwritable(path: place.path, reason: systemReason(errno)) }
    var found = stat()
    if fstat(descriptor, &found) == 0, found.st_size <= size {
      try read(Int(found.st_size))
      isResumed = count > 0
    } else {
      try restart()
    }
  }

  deinit { close(descriptor) }

  /// Forgets everything that is here.
  func restart() throws {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw failure() }
    (count, isResumed, entityTag) = (0, false, nil)
    hash = RunningHash(digest, size: size)
  }

  /// Adds bytes at the end.
  func append(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while let start = rest.baseAddress, !rest.isEmpty {
      let written = write(descriptor, start, min(rest.count, 1 << 30))
      if written < 0 {
        if errno == EINTR { continue }
        throw failure()
      }
      hash.update(UnsafeRawBufferPointer(rebasing: rest[..<written]))
      count += written
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Marks where a new answer goes on.
  func goOn() { isResumed = isResumed || count > 0 }

  /// What the file turns out to be, if it is a page or a pointer in place of what was asked for.
  var foreign: String? {
    let head = [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
      count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, 0))
    }
    return head.withUnsafeBytes { ForeignContent.recognize($0)?.problem }
  }

  /// The hash of what is here, if it is another than the file's; nil if it is the right one, or none is known.
  var wrongHash: String? {
    guard let value = hash.value, value != digest.name else { return nil }
    return value
  }

  /// Gives the whole file its place.
  func install(at target: URL) throws {
    guard fsync(descriptor) == 0 || errno == EINVAL, rename(place.path, target.path) == 0 else {
      throw failure()
    }
  }

  func remove() { unlink(place.path) }

  private func read(_ total: Int) throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw failure() }
    while count < total {
      try Task.checkCancellation()
      let got = buffer.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress, $0.count) }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { throw failure() }
      buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
      count += got
    }
  }

  private func failure() -> HubError { .unwritable(path: place.path, reason: systemReason(errno)) }
}
