import Foundation

/// A file that grows while a run goes. What is appended has reached the system when the call returns, so that others
/// can read along and a killed process loses nothing of it.
public final class AppendedFile: Sendable {
  public let path: String
  private let descriptor: Int32

  /// Opens the file at `url`, made when it is not there.
  /// - Throws: ``FormatError/unwritable(file:reason:)``
  public init(_ url: URL) throws {
    path = url.path
    descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FormatError.unwritable(file: url.path, reason: systemReason(errno)) }
  }

  deinit { close(descriptor) }

  /// Appends all of `data` or, when the disk is full, nothing of it.
  /// - Throws: ``FormatError/unwritable(file:reason:)``
  public func append(_ data: Data) throws {
    let end = lseek(descriptor, 0, SEEK_END)
    try data.withUnsafeBytes { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, rest.count > 0 {
        let written = write(descriptor, start, min(rest.count, 1 << 30))
        if written < 0 {
          let reason = errno
          if reason == EINTR { continue }
          // Half a record would spoil those that a later run appends.
          if end >= 0 { _ = ftruncate(descriptor, end) }
          throw FormatError.unwritable(file: path, reason: systemReason(reason))
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }
  }
}
