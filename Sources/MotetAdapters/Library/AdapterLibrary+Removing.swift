import Foundation
import MotetFormats

extension AdapterLibrary {
  /// Marks a version as one to keep.
  ///
  /// - Throws: `LibraryError`.
  public func pin(_ reference: String) throws {
    let marker = try resolve(reference).folder.appendingPathComponent(Self.pinFile)
    try perform("pin it", at: marker) { try Data().write(to: marker, options: .atomic) }
  }

  /// Takes the mark away; nothing happens to a version that has none.
  ///
  /// - Throws: `LibraryError`.
  public func unpin(_ reference: String) throws {
    let entry = try resolve(reference)
    guard entry.isPinned else { return }
    let marker = entry.folder.appendingPathComponent(Self.pinFile)
    try perform("unpin it", at: marker) { try FileManager.default.removeItem(at: marker) }
  }

  /// Removes one version: the newest for `math`, that one for `math@3`.
  ///
  /// It is first renamed out of sight, so that no reader finds half of it.
  ///
  /// - Returns: the version that was removed.
  /// - Throws: `LibraryError.pinned` unless `force`; otherwise as `resolve`.
  @discardableResult
  public func remove(_ reference: String, force: Bool = false) throws -> Entry {
    let entry = try resolve(reference)
    guard force || !entry.isPinned else { throw LibraryError.pinned(entry.description) }
    if !force, let child = try child(of: entry) {
      throw LibraryError.carries(entry.description, child: child.description)
    }
    try noteLastVersion(of: entry.name)
    let trash = root.appendingPathComponent(".removing-\(UUID().uuidString)")
    // Another process that adds would remove it too, and this one then find it gone.
    let hold = FileHold.claim(entry.folder.path)
    defer { withExtendedLifetime(hold) {} }
    guard rename(entry.folder.path, trash.path) == 0 else {
      throw LibraryError.fileSystem(
        doing: "remove it", path: entry.folder.path, reason: String(cString: strerror(errno)))
    }
    try perform("remove it", at: trash) { try FileManager.default.removeItem(at: trash) }
    return entry
  }

  /// Removes every version of `name`, or none if one of them is pinned and `force` is not given.
  ///
  /// - Throws: as `remove`.
  @discardableResult
  public func removeAll(of name: String, force: Bool = false) throws -> [Entry] {
    let name = try resolve(AdapterName(name)).name
    let versions = try versions(of: name)
    if !force, let pinned = versions.first(where: \.isPinned) {
      throw LibraryError.pinned(pinned.description)
    }
    return try versions.map { try remove($0.description, force: force) }
  }

  /// A version of the library that stands on `entry`.
  private func child(of entry: Entry) throws -> Entry? {
    try entries().first { other in
      guard let below = try? other.record()?.standsOn, other.description != entry.description else {
        return false
      }
      return (try? resolve(below.name))?.description == entry.description
    }
  }

  /// The highest version that was ever given out and removed; 0 when none was.
  func lastVersion(of name: String) -> Int {
    let file = root.appendingPathComponent(name).appendingPathComponent(Self.lastVersionFile)
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return 0 }
    return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }

  /// Keeps the highest version in mind, so that `math@3` never comes to mean something else.
  private func noteLastVersion(of name: String) throws {
    let highest = max(try versions(of: name).last?.version ?? 0, lastVersion(of: name))
    let file = root.appendingPathComponent(name).appendingPathComponent(Self.lastVersionFile)
    try perform("note the version", at: file) {
      try Data("\(highest)\n".utf8).write(to: file, options: .atomic)
    }
  }

  private static let lastVersionFile = ".last-version"
}
