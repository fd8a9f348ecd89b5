import Foundation

/// A folder that Motet writes whole, and replaces only where all that it holds is Motet's own.
///
///     try OwnedFolder(folder, kind: .model, overwriting: true).write { draft in
///       // files, and a motet.json that lists them
///     }
///
/// The new folder is made beside the old one, forced to the disk, and changes places with it in one step, so that a reader
/// or a killed process sees the old folder or the new one. Of the old one only files that its `motet.json` lists are
/// removed. What earlier processes left when they were killed is removed first. A link to a folder stays a link: the folder
/// that it leads to is written.
package struct OwnedFolder {
  package let folder: URL
  let kind: FolderManifest.Kind
  /// Whether a folder of the same kind gives way.
  let overwriting: Bool
  /// Files beyond those that the manifest lists that are Motet's too, and give way.
  package var owns: @Sendable (String) -> Bool = { _ in false }
  /// Takes along whatever else the folder holds, in place of refusing it: for one that a run has been writing for hours.
  package var keepsOthers = false

  package init(_ folder: URL, kind: FolderManifest.Kind, overwriting: Bool) {
    self.folder = folder
    self.kind = kind
    self.overwriting = overwriting
  }

  /// Whether it may be written: to be asked before the work, not after it.
  /// - Throws: ``OwnedFolderError``, ``FormatError/unwritable(file:reason:)``
  package func check() throws {
    let place = try place()
    place.putBack()
    try check(place)
  }

  /// Writes the folder; it appears whole or not at all.
  /// - Parameter content: fills the draft, `motet.json` last
  /// - Throws: ``OwnedFolderError``, ``FormatError/unwritable(file:reason:)``, or what `content` throws; what was there
  ///   then stays
  package func write(_ content: (URL) throws -> Void) throws {
    let place = try place()
    place.putBack()
    place.sweep()
    try check(place)
    let draft = try place.draft()
    do {
      try content(draft.url)
      if keepsOthers, !place.isWrittenInside { try place.link(into: draft, except: owns) }
      try draft.seal()
      try install(draft, at: place)
    } catch {
      draft.abandon()
      // A draft is nothing that its user knows.
      if case FormatError.unwritable(let file, let reason) = error, file.hasPrefix(draft.path) {
        throw FormatError.unwritable(
          file: folder.relativePath + file.dropFirst(draft.path.count), reason: reason)
      }
      throw error
    }
  }

  /// Brings back a folder that is not there because a process was killed while it replaced it, on a file system where that
  /// takes two steps: for readers that find nothing.
  package static func putBack(_ path: String) { (try? FolderPlace(path))?.putBack() }

  /// Removes it, as far as its manifest goes.
  package func remove() {
    guard let place = try? place(), let manifest = FolderManifest(of: place.path) else { return }
    FolderPlace.retire(place.path, manifest, owns: owns, survivor: nil)
  }

  func place() throws -> FolderPlace {
    let path = folder.path(percentEncoded: false)
    return try FolderPlace(path.isEmpty ? "." : path)
  }

  func check(_ place: FolderPlace) throws {
    let name = folder.relativePath
    guard let isFolder = place.isFolder else { return }
    guard isFolder else { throw OwnedFolderError.isFile(path: name) }
    if let what = place.protected { throw OwnedFolderError.isProtected(path: name, what: what) }
    let manifest = FolderManifest(of: place.path)
    if !keepsOthers, manifest == nil, kind == .adapter, place.holds(PEFTConfiguration.fileName) {
      throw OwnedFolderError.holdsForeignAdapter(path: name)
    }
    if !keepsOthers,
      let foreign = (manifest ?? FolderManifest(kind: kind, files: [])).firstForeign(
        in: place.path, passingOver: { owns($0) || place.isDraft($0) })
    {
      throw OwnedFolderError.holdsOther(path: name, file: foreign)
    }
    guard let manifest else { return }
    guard overwriting else {
      throw manifest.kind == .adapter
        ? OwnedFolderError.holdsAdapter(path: name) : OwnedFolderError.holdsModel(path: name)
    }
    guard manifest.kind == kind else {
      throw manifest.kind == .adapter
        ? OwnedFolderError.isAdapter(path: name) : OwnedFolderError.isModel(path: name)
    }
  }

  /// Puts a finished draft where it belongs.
  private func install(_ draft: DraftFolder, at place: FolderPlace) throws {
    if place.isWrittenInside { return try place.moveIn(draft, owns: owns) }
    for _ in 0..<100 {
      // An empty folder gives way too.
      if rename(draft.path, place.path) == 0 { return try finish(draft, place) }
      guard errno == ENOTEMPTY || errno == EEXIST else { throw place.refusal(errno) }
      // Another process may have written it since.
      try check(place)
      let manifest = FolderManifest(of: place.path) ?? FolderManifest(kind: kind, files: [])
      guard let old = try place.exchange(draft.path) else { continue }
      FolderPlace.retire(old, manifest, owns: owns, survivor: place.path)
      return try finish(draft, place)
    }
    throw place.refusal(EBUSY)
  }

  private func finish(_ draft: DraftFolder, _ place: FolderPlace) throws {
    try? DraftFolder.sync(place.parent)
    draft.release()
  }
}
