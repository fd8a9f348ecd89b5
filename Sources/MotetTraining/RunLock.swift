import Foundation
import MotetFormats

/// Keeps two processes from writing one run: held as long as the value lives, and let go by the system when the
/// process dies.
final class RunLock {
  private let hold: FileHold?

  /// - Throws: ``TrainingError/busy(folder:)``, or `FormatError` when the folder cannot be written
  convenience init(_ checkpoints: Checkpoints) throws {
    let folder = checkpoints.folder
    try self.init(folder.appending(path: Checkpoints.lockFile), of: folder.deletingLastPathComponent())
  }

  /// - Parameters:
  ///   - file: made where it is not there, with its folder
  ///   - place: what the error calls the run
  init(_ file: URL, of place: URL) throws {
    let folder = file.deletingLastPathComponent()
    while true {
      do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
        throw FormatError.unwritable(file: folder.path, reason: error.localizedDescription)
      }
      let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else {
        throw FormatError.unwritable(file: folder.path, reason: String(cString: strerror(errno)))
      }
      close(descriptor)
      switch FileHold.claim(file.path) {
      case .held(let hold):
        self.hold = hold
        return
      case .taken: throw TrainingError.busy(folder: place.relativePath)
      // A run that ended took it away in between.
      case .gone: continue
      case .unknown:
        hold = nil
        return
      }
    }
  }
}
