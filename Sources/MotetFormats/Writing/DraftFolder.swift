import Foundation

/// A hidden folder that is filled, forced to the disk, and then renamed to what it is to be.
///
/// It is held while its process lives. One that is found without a holder was left by a process that was killed; until
/// ``seal()`` it holds a mark, `.unfinished`, that says that nothing in it is of use.
package final class DraftFolder {
  package let url: URL
  private var hold: FileHold?
  /// Folders above it that were not there before.
  private let made: [String]

  package var path: String { url.path }

  /// Makes one in `parent`, which is made too where it is missing.
  /// - Parameter name: what it will be called in the end
  /// - Throws: ``FormatError/unwritable(file:reason:)``
  package init(in parent: String, for name: String) throws {
    made = try OutputPath.makeFolder(parent)
    while true {
      let place = parent + "/" + HiddenName(name: name, kind: .draft).drawn()
      guard mkdir(place, 0o777) == 0 else {
        if errno == EEXIST { continue }
        throw FormatError.unwritable(file: parent, reason: systemReason(errno))
      }
      switch FileHold.claim(place) {
      case .held(let hold): self.hold = hold
      case .unknown: hold = nil
      // Somebody swept it in between.
      case .taken, .gone: continue
      }
      url = URL(filePath: place, directoryHint: .isDirectory)
      break
    }
    let mark = open(path + "/" + Self.mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard mark >= 0 else {
      let reason = errno
      abandon()
      throw FormatError.unwritable(file: parent, reason: systemReason(reason))
    }
    close(mark)
  }

  static let mark = ".unfinished"

  static func isUnfinished(_ path: String) -> Bool { access(path + "/" + mark, F_OK) == 0 }

  /// Forces all that it holds to the disk: it may be renamed now.
  /// - Throws: ``FormatError/unwritable(file:reason:)``
  package func seal() throws {
    try Self.sync(tree: path)
    unlink(path + "/" + Self.mark)
    try Self.sync(path)
  }

  /// Lets it go, after it was renamed: its name may mean something else by now.
  package func release() { hold = nil }

  /// Removes it, and the folders that were made for it.
  package func abandon() {
    Self.discard(path)
    for folder in made.reversed() { rmdir(folder) }
    hold = nil
  }

  /// Removes a draft, its mark last: after a kill, what is left of it is still known for an unfinished one.
  /// - Parameter remove: removes one entry; tests stop in between
  static func discard(
    _ path: String, remove: (String) -> Void = { try? FileManager.default.removeItem(atPath: $0) }
  ) {
    // One that was finished has its mark no more.
    let descriptor = open(path + "/" + mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    if descriptor >= 0 { close(descriptor) }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name != mark {
      remove(path + "/" + name)
    }
    remove(path + "/" + mark)
    remove(path)
  }

  /// Forces the files below a folder, and the folders, to the disk.
  static func sync(tree folder: String) throws {
    let paths = FileManager.default.enumerator(atPath: folder)
    while let path = paths?.nextObject() as? String { try sync(folder + "/" + path) }
    try sync(folder)
  }

  static func sync(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    // A link has no bytes of its own, and what may not be read was not written here.
    if descriptor < 0, errno == ELOOP || errno == EACCES { return }
    guard descriptor >= 0 else { throw FormatError.unwritable(file: path, reason: systemReason(errno)) }
    defer { close(descriptor) }
    // EINVAL: a file system that cannot sync a folder.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw FormatError.unwritable(file: path, reason: systemReason(errno))
    }
  }

  /// Removes the drafts for `name` that killed processes left.
  package static func sweep(_ parent: String, for name: String) {
    for path in HiddenName(name: name, kind: .draft).all(in: parent) {
      FileHold.clear(path) { discard(path) }
    }
  }
}
