import Foundation

/// A claim on a file or a folder that ends with its process, however that ends: an advisory lock (flock(2)).
///
/// It tells what a killed process left from what a living one still writes, also between containers that share a disk and
/// count their processes apart.
package final class FileHold: Sendable {
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  package enum Claim {
    case held(FileHold)
    /// Another process, or another part of this one, holds it.
    case taken
    /// It is not there, or is another file by now.
    case gone
    /// The file system has no such locks.
    case unknown
  }

  /// Claims what is at `path`, without waiting. A link is not followed.
  package static func claim(_ path: String) -> Claim {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return errno == ENOENT ? .gone : .unknown }
    switch lock(descriptor, path: path) {
    case .taken:
      close(descriptor)
      return .taken
    case .gone:
      close(descriptor)
      return .gone
    case .unknown:
      close(descriptor)
      return .unknown
    case .held: return .held(FileHold(descriptor))
    }
  }

  enum Lock { case held, taken, gone, unknown }

  /// Locks an open file, and sees that `path` still means it: whoever sweeps may have removed it in between.
  static func lock(_ descriptor: Int32, path: String) -> Lock {
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return errno == EWOULDBLOCK ? .taken : .unknown }
    var (own, there) = (stat(), stat())
    guard fstat(descriptor, &own) == 0, lstat(path, &there) == 0, own.st_ino == there.st_ino,
      own.st_dev == there.st_dev
    else { return .gone }
    return .held
  }

  /// Removes or moves what a process that has ended left at `path`: nobody holds it or, where that cannot be told, it is
  /// a day old. It is held meanwhile, so that nobody takes it for theirs.
  package static func clear(_ path: String, _ body: () -> Void) {
    switch claim(path) {
    case .held(let hold): withExtendedLifetime(hold) { body() }
    case .taken, .gone: return
    case .unknown:
      let changed = (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
      if let changed, Date().timeIntervalSince(changed) > 86_400 { body() }
    }
  }
}
