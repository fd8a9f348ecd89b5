import Foundation
import MotetFormats

extension AdapterLibrary {
  /// The files every adapter folder holds.
  static let requiredFiles = ["adapter_config.json", "adapter_model.safetensors"]

  /// Adds a new version of `name`: whole or not at all.
  ///
  /// The files are written into a hidden folder of the same file system, forced to the disk, and the folder is
  /// renamed to the next free version. Of two processes that add at once, the one that comes second to a
  /// number takes the next. A version removed since is not given out again.
  ///
  /// - Parameter write: writes the adapter's files into the folder it is given.
  /// - Throws: what `write` throws; `LibraryError.invalidName`, `.incomplete` or `.fileSystem`. Nothing
  ///   is left of a failed attempt.
  @discardableResult
  public func add(_ name: String, writing write: (_ folder: URL) throws -> Void) throws -> Entry {
    let name = try AdapterName(name).name
    try sweepDrafts()
    let draft = try draft()
    do {
      try write(draft.url)
      for file in Self.requiredFiles
      where !FileManager.default.fileExists(atPath: draft.url.appendingPathComponent(file).path) {
        throw LibraryError.incomplete(folder: draft.path, missing: file)
      }
      try draft.seal()
      return try install(draft, as: name)
    } catch {
      draft.abandon()
      throw error
    }
  }

  private func draft() throws -> DraftFolder {
    do { return try DraftFolder(in: root.path, for: Self.draftName) } catch let error as FormatError {
      guard case .unwritable(let path, let reason) = error else { throw error }
      throw LibraryError.fileSystem(doing: "make the folder", path: path, reason: reason)
    }
  }

  private func install(_ draft: DraftFolder, as name: String) throws -> Entry {
    let parent = root.appendingPathComponent(name)
    var version = max(try versions(of: name).last?.version ?? 0, lastVersion(of: name))
    for _ in 0..<10_000 {
      version += 1
      let place = parent.appendingPathComponent(String(version))
      try makeFolder(parent)
      if rename(draft.path, place.path) == 0 {
        draft.release()
        try sync(parent)
        return Entry(name: name, version: version, folder: place, isPinned: false)
      }
      // Taken by another process, or the folder was removed between the two calls.
      guard [EEXIST, ENOTEMPTY, ENOTDIR, ENOENT].contains(errno) else {
        throw LibraryError.fileSystem(
          doing: "add the adapter", path: place.path, reason: String(cString: strerror(errno)))
      }
    }
    throw LibraryError.fileSystem(
      doing: "add the adapter", path: parent.path, reason: "no free version number; remove what is in the way"
    )
  }

  /// What drafts are called while they are written.
  static let draftName = "adding"

  /// Removes what killed processes left: drafts, and versions that were being removed.
  private func sweepDrafts() throws {
    try makeFolder(root)
    DraftFolder.sweep(root.path, for: Self.draftName)
    let manager = FileManager.default
    for name in (try? manager.contentsOfDirectory(atPath: root.path)) ?? [] {
      let place = root.appendingPathComponent(name)
      // Motet of before 0.14 held none of its drafts.
      let changed = (try? manager.attributesOfItem(atPath: place.path))?[.modificationDate] as? Date
      if name.hasPrefix(".adding-"), let changed, Date().timeIntervalSince(changed) > 86_400 {
        try? manager.removeItem(at: place)
      }
      if name.hasPrefix(".removing-") {
        FileHold.clear(place.path) { try? manager.removeItem(at: place) }
      }
    }
  }

  private func sync(_ place: URL) throws {
    let descriptor = open(place.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw LibraryError.fileSystem(
        doing: "open it", path: place.path, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    // EINVAL: a file system that cannot sync a folder.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw LibraryError.fileSystem(
        doing: "force it to the disk", path: place.path, reason: String(cString: strerror(errno)))
    }
  }

  /// Makes a folder and those above it; one that is there already is as good. By hand, because Foundation
  /// does not say why it failed.
  private func makeFolder(_ folder: URL) throws {
    if mkdir(folder.path, 0o777) == 0 { return }
    if errno == EEXIST {
      var found = stat()
      if stat(folder.path, &found) == 0, found.st_mode & S_IFMT == S_IFDIR { return }
      errno = ENOTDIR
    }
    let parent = folder.deletingLastPathComponent()
    if errno == ENOENT, parent.path != folder.path {
      try makeFolder(parent)
      if mkdir(folder.path, 0o777) == 0 || errno == EEXIST { return }
    }
    throw LibraryError.fileSystem(
      doing: "make the folder", path: folder.path, reason: String(cString: strerror(errno)))
  }

  /// Runs a step of Foundation's and gives its error our words.
  func perform<Result>(_ doing: String, at place: URL, _ step: () throws -> Result) throws -> Result {
    do {
      return try step()
    } catch {
      throw LibraryError.fileSystem(doing: doing, path: place.path, reason: error.localizedDescription)
    }
  }
}
