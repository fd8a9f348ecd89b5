import Foundation
import MotetFormats

/// A claim on one file of the cache (flock(2)), as huggingface_hub makes it too; it ends with its process.
final class HubLock: Sendable {
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Waits until no other process fetches the file.
  /// - Throws: ``HubError/unwritable(path:reason:)``, `CancellationError`
  static func take(_ place: URL) async throws -> HubLock {
    while true {
      let descriptor = open(place.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else {
        throw HubError.unwritable(path: place.path, reason: systemReason(errno))
      }
      let lock = HubLock(descriptor)
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
        var (own, there) = (stat(), stat())
        // Whoever held it may have removed it in between.
        if fstat(descriptor, &own) == 0, stat(place.path, &there) == 0, own.st_ino == there.st_ino {
          return lock
        }
      } else if errno != EWOULDBLOCK, errno != EINTR {
        // The file system has no such locks; the check of the hash remains.
        return lock
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}
