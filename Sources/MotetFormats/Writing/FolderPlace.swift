import Foundation

/// The place of an ``OwnedFolder`` on the disk, with all links followed, and the steps by which it changes hands.
struct FolderPlace {
  /// As the system has it.
  let path: String
  let parent: String
  let name: String
  /// Whether two folders can change places in one step here; a file system may refuse.
  var canExchange = true

  init(_ path: String) throws {
    self.path = try OutputPath.resolved(path)
    (parent, name) = OutputPath.parts(of: self.path)
  }

  /// nil where there is nothing.
  var isFolder: Bool? {
    var found = stat()
    guard stat(path, &found) == 0 else { return nil }
    return found.st_mode & S_IFMT == S_IFDIR
  }

  func holds(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

  /// What nobody means to give up, in words: the current folder and the user's home, and all above them; nil for others.
  var protected: String? {
    let home =
      ProcessInfo.processInfo.environment["HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path
    for (place, what) in [
      (FileManager.default.currentDirectoryPath, "the current folder"), (home, "your home folder"),
    ] {
      guard let own = try? OutputPath.resolved(place) else { continue }
      if own == path { return what }
      if own.hasPrefix(path == "/" ? path : path + "/") { return "a folder that \(what) lies in" }
    }
    return nil
  }

  /// Whether nothing can be made beside it, or it is a disk of its own: a volume of a container, say. It is then written
  /// within.
  var isWrittenInside: Bool {
    var (own, above) = (stat(), stat())
    guard stat(path, &own) == 0, stat(parent, &above) == 0 else { return false }
    return own.st_dev != above.st_dev || (access(parent, W_OK) != 0 && access(path, W_OK) == 0)
  }

  private var drafts: HiddenName { HiddenName(name: name, kind: .draft) }
  private var aside: HiddenName { HiddenName(name: name, kind: .old) }

  func isDraft(_ name: String) -> Bool { drafts.matches(name) }

  func draft() throws -> DraftFolder { try DraftFolder(in: isWrittenInside ? path : parent, for: name) }

  func refusal(_ code: Int32) -> FormatError {
    .unwritable(
      file: path,
      reason: code == EBUSY || code == EXDEV
        ? "the folder is in use, or a disk of its own: choose a folder within it" : systemReason(code))
  }

  // MARK: What killed processes left

  /// Brings back the old folder of a process that was killed between two renames.
  func putBack() {
    guard isFolder == nil else { return }
    for old in aside.all(in: parent) {
      var isBack = false
      FileHold.clear(old) { isBack = rename(old, path) == 0 }
      if isBack { return }
    }
  }

  /// Removes the drafts of processes that are no more, and what gave way to them.
  func sweep() {
    let survivor = FolderManifest(of: path)?.files ?? []
    for old in drafts.all(in: parent) + aside.all(in: parent) {
      FileHold.clear(old) {
        if DraftFolder.isUnfinished(old) { return DraftFolder.discard(old) }
        let listed = (FolderManifest(of: old)?.files ?? []) + survivor
        Self.retire(old, FolderManifest(kind: .adapter, files: listed), owns: { _ in false }, survivor: path)
      }
    }
    for draft in drafts.all(in: path) {
      FileHold.clear(draft) {
        if DraftFolder.isUnfinished(draft) { return DraftFolder.discard(draft) }
        moveFiles(of: draft)
      }
    }
  }

  // MARK: Changing hands

  /// Puts a draft in the place of the folder that is there.
  /// - Returns: where the old folder is now; nil when it has gone away meanwhile
  /// - Throws: ``FormatError/unwritable(file:reason:)`` with the old folder where it was
  func exchange(_ draft: String) throws -> String? {
    matchOwner(of: draft)
    if canExchange {
      if Self.exchange(draft, path) == 0 { return draft }
      if errno == ENOENT { return nil }
      guard [EINVAL, ENOSYS, ENOTSUP, EOPNOTSUPP].contains(errno) else { throw refusal(errno) }
    }
    guard let old = try moveAside() else { return nil }
    guard rename(draft, path) == 0 else {
      let reason = errno
      _ = rename(old, path)
      throw refusal(reason)
    }
    return old
  }

  /// The first of two renames. A process that is killed after it leaves nothing at the place until ``putBack()``.
  func moveAside() throws -> String? {
    let old = parent + "/" + aside.drawn()
    if rename(path, old) == 0 { return old }
    if errno == ENOENT { return nil }
    throw refusal(errno)
  }

  private static func exchange(_ a: String, _ b: String) -> Int32 {
    #if canImport(Darwin)
      renamex_np(a, b, UInt32(RENAME_SWAP))
    #else
      // Glibc shows it to C alone, and musl has it not everywhere.
      guard let found = dlsym(nil, "renameat2") else {
        errno = ENOSYS
        return -1
      }
      typealias Rename =
        @convention(c) (
          Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32
        ) -> Int32
      let renameat2 = unsafeBitCast(found, to: Rename.self)
      return a.withCString { a in b.withCString { renameat2(AT_FDCWD, a, AT_FDCWD, $0, Self.exchangeFlag) } }
    #endif
  }

  /// `RENAME_EXCHANGE` of renameat2(2).
  private static let exchangeFlag: UInt32 = 2

  /// The new folder may be read by whom the old one could be read by.
  private func matchOwner(of draft: String) {
    var found = stat()
    guard stat(path, &found) == 0 else { return }
    if found.st_uid != getuid() || found.st_gid != getgid() { _ = chown(draft, found.st_uid, found.st_gid) }
    chmod(draft, found.st_mode & 0o7777)
  }

  /// Gives a draft everything of the folder that it does not hold itself, by hard links: whenever the process is killed,
  /// the old folder and the new one are whole.
  /// - Parameter isReplaced: what is left out
  func link(into draft: DraftFolder, except isReplaced: (String) -> Bool) throws {
    let listed = Set(FolderManifest(of: path)?.files ?? [])
    var failure: (any Error)?
    func keep(_ step: () throws -> Void) {
      do { try step() } catch { failure = error }
    }
    FolderManifest.walk(path) { name, isFolder in
      guard failure == nil, !listed.contains(name), !isReplaced(name), !isDraft(name) else { return false }
      let (from, to) = (path + "/" + name, draft.path + "/" + name)
      if isFolder {
        if Self.isEmpty(from) { keep { _ = try OutputPath.makeFolder(to) } }
        return failure == nil
      }
      guard access(to, F_OK) != 0 else { return false }
      keep {
        _ = try OutputPath.makeFolder(OutputPath.parts(of: to).parent)
        if Foundation.link(from, to) == 0 || errno == ENOENT { return }
        // A file system without hard links.
        try FileManager.default.copyItem(atPath: from, toPath: to)
      }
      return false
    }
    if let failure { throw failure }
  }

  /// Removes a folder that gave way: what its manifest lists, what `owns` names, and what the survivor holds too. A file that
  /// came in meanwhile moves to the survivor. The manifest goes last: after a kill, the rest is still known for Motet's.
  /// - Parameter remove: removes one file; tests stop in between
  static func retire(
    _ old: String, _ manifest: FolderManifest, owns: (String) -> Bool, survivor: String?,
    remove: (String) -> Void = { unlink($0) }
  ) {
    let listed = Set(manifest.files)
    var folders: [String] = []
    FolderManifest.walk(old) { name, isFolder in
      let place = old + "/" + name
      if isFolder {
        folders.append(place)
        return true
      }
      if name == FolderManifest.fileName, listed.contains(name) { return false }
      if listed.contains(name) || owns(name) || name == DraftFolder.mark {
        remove(place)
        return false
      }
      guard let other = survivor.map({ $0 + "/" + name }) else { return false }
      if isSameFile(place, other) {
        remove(place)
      } else if access(other, F_OK) != 0 {
        _ = rename(place, other)
      }
      return false
    }
    for folder in folders.reversed() { rmdir(folder) }
    if listed.contains(FolderManifest.fileName) { remove(old + "/" + FolderManifest.fileName) }
    rmdir(old)
  }

  private static func isEmpty(_ folder: String) -> Bool {
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?.isEmpty == true
  }

  private static func isSameFile(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return lstat(a, &first) == 0 && lstat(b, &second) == 0 && first.st_ino == second.st_ino
      && first.st_dev == second.st_dev
  }

  // MARK: Within

  /// Moves a draft's files to where they belong, `motet.json` first: a reader that comes in between finds files that are not
  /// those it names, and ``sweep()`` goes on after a kill.
  func moveIn(_ draft: DraftFolder, owns: (String) -> Bool) throws {
    let old = FolderManifest(of: path)?.files ?? []
    let new = Set(FolderManifest.files(of: draft.path))
    guard moveFiles(of: draft.path) else { throw refusal(errno) }
    for name in old where !new.contains(name) {
      unlink(path + "/" + name)
      rmdir(OutputPath.parts(of: path + "/" + name).parent)
    }
    try? DraftFolder.sync(path)
    draft.release()
  }

  @discardableResult
  private func moveFiles(of draft: String) -> Bool {
    let manifest = FolderManifest.fileName
    let others = FolderManifest.files(of: draft).filter { $0 != manifest }
    if access(draft + "/" + manifest, F_OK) == 0, rename(draft + "/" + manifest, path + "/" + manifest) != 0 {
      return false
    }
    for name in others {
      let place = path + "/" + name
      guard (try? OutputPath.makeFolder(OutputPath.parts(of: place).parent)) != nil else { return false }
      guard rename(draft + "/" + name, place) == 0 else { return false }
    }
    try? FileManager.default.removeItem(atPath: draft)
    return true
  }
}
