import Foundation

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
    let manager = FileManager.default
    let draft = root.appendingPathComponent(".adding-\(UUID().uuidString)")
    try makeFolder(draft)
    defer { try? manager.removeItem(at: draft) }
    sweepDrafts()
    try write(draft)
    for file in Self.requiredFiles
    where !manager.fileExists(atPath: draft.appendingPathComponent(file).path) {
      throw LibraryError.incomplete(folder: draft.path, missing: file)
    }
    try syncTree(draft)
    return try install(draft, as: name)
  }

  private func install(_ draft: URL, as name: String) throws -> Entry {
    let parent = root.appendingPathComponent(name)
    var version = max(try versions(of: name).last?.version ?? 0, lastVersion(of: name))
    for _ in 0..<10_000 {
      version += 1
      let place = parent.appendingPathComponent(String(version))
      try makeFolder(parent)
      if rename(draft.path, place.path) == 0 {
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

  /// Removes what a killed process left, once it is a day old and no process can be writing it any more.
  private func sweepDrafts() {
    let manager = FileManager.default
    for name in (try? manager.contentsOfDirectory(atPath: root.path)) ?? []
    where name.hasPrefix(".adding-") || name.hasPrefix(".removing-") {
      let place = root.appendingPathComponent(name)
      let changed = (try? manager.attributesOfItem(atPath: place.path))?[.modificationDate] as? Date
      if let changed, Date().timeIntervalSince(changed) > 86_400 { try? manager.removeItem(at: place) }
    }
  }

  /// Forces the files below `folder`, and the folders, to the disk.
  private func syncTree(_ folder: URL) throws {
    let paths = FileManager.default.enumerator(atPath: folder.path)
    while let path = paths?.nextObject() as? String { try sync(folder.appendingPathComponent(path)) }
    try sync(folder)
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
    if mkdir(folder.path, 0o777) == 0 || errno == EEXIST { return }
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
