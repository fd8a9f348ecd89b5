import Foundation
import MotetFormats
import MotetModels

/// The hub's cache, as a pull writes it.
struct HubStore: Sendable {
  let cache: HubCache
  let name: HubName

  /// Where a file's bytes lie when all of them are there.
  func blob(_ digest: HubDigest) -> URL { folder.appending(path: "blobs").appending(path: digest.name) }

  /// Where they lie until then.
  func unfinished(_ digest: HubDigest) -> URL {
    folder.appending(path: "blobs").appending(path: digest.name + ".incomplete")
  }

  /// What is held while a file is fetched.
  func lock(_ digest: HubDigest) -> URL {
    cache.root.appending(path: ".locks").appending(path: folder.lastPathComponent)
      .appending(path: digest.name + ".lock")
  }

  /// Whether the cache has all of a file, as a blob or, from systems without links, in the snapshot itself.
  func has(_ file: HubFile, _ digest: HubDigest, commit: String) -> Bool {
    [blob(digest), cache.snapshot(of: name, commit: commit).appending(path: file.path)].contains { place in
      Self.size(place) == file.size
    }
  }

  /// How much of a file a broken pull left, in bytes.
  func begun(_ digest: HubDigest) -> Int { Self.size(unfinished(digest)) ?? 0 }

  /// Makes the folders that the files of a pull need.
  /// - Throws: ``HubError/unwritable(path:reason:)``
  func prepare() throws {
    let blobs = folder.appending(path: "blobs")
    for folder in [blobs, cache.root.appending(path: ".locks").appending(path: folder.lastPathComponent)] {
      try Self.makeFolder(folder)
    }
  }

  /// Asks for room before the transfer.
  /// - Throws: ``HubError/diskFull(path:needed:free:)``
  func requireSpace(_ bytes: Int) throws {
    var found = statvfs()
    guard bytes > 0, statvfs(folder.path, &found) == 0 else { return }
    let free = Int(
      clamping: UInt64(found.f_bavail).multipliedReportingOverflow(by: UInt64(found.f_frsize)).partialValue)
    guard free >= bytes else {
      throw HubError.diskFull(path: cache.root.path, needed: bytes, free: free)
    }
  }

  /// Puts links to a commit's files in their places. What is in a place with the right size stays.
  /// - Throws: ``HubError/unwritable(path:reason:)``
  func link(_ files: [(file: HubFile, digest: HubDigest)], commit: String) throws {
    let snapshot = cache.snapshot(of: name, commit: commit)
    for (file, digest) in files {
      let place = snapshot.appending(path: file.path)
      let up = String(repeating: "../", count: file.path.split(separator: "/").count + 1)
      let target = "\(up)blobs/\(digest.name)"
      if (try? FileManager.default.destinationOfSymbolicLink(atPath: place.path)) == target { continue }
      if Self.size(blob(digest)) != file.size, Self.size(place) == file.size { continue }
      try Self.makeFolder(place.deletingLastPathComponent())
      // A link is made whole or not at all, also in place of another.
      let draft = place.path + ".\(UInt32.random(in: 0 ... .max)).tmp"
      guard symlink(target, draft) == 0, rename(draft, place.path) == 0 else {
        let reason = systemReason(errno)
        unlink(draft)
        throw HubError.unwritable(path: place.path, reason: reason)
      }
    }
  }

  /// Writes down which commit the revision means.
  /// - Throws: ``HubError/unwritable(path:reason:)``
  func refer(to commit: String) throws {
    let revision = name.revision ?? HubName.defaultRevision
    guard revision != commit, cache.commit(of: name) != commit else { return }
    let place = cache.reference(of: name, revision: revision)
    try Self.makeFolder(place.deletingLastPathComponent())
    do { try AtomicFile.write(Data(commit.utf8), to: place) } catch {
      guard case FormatError.unwritable(_, let reason) = error else { throw error }
      throw HubError.unwritable(path: place.path, reason: reason)
    }
  }

  private var folder: URL { cache.folder(of: name) }

  /// Makes a folder and those above it; one that is there stays.
  private static func makeFolder(_ folder: URL) throws {
    if mkdir(folder.path, 0o777) == 0 { return }
    let code = errno
    if code == ENOENT, folder.path.count > 1 {
      try makeFolder(folder.deletingLastPathComponent())
      // Another pull may make it at the same time.
      if mkdir(folder.path, 0o777) == 0 || errno == EEXIST { return }
      throw HubError.unwritable(path: folder.path, reason: systemReason(errno))
    }
    var found = stat()
    if code == EEXIST, stat(folder.path, &found) == 0, found.st_mode & S_IFMT == S_IFDIR { return }
    throw HubError.unwritable(path: folder.path, reason: systemReason(code == EEXIST ? ENOTDIR : code))
  }

  /// Of the file that a link leads to, too; nil if there is none.
  private static func size(_ place: URL) -> Int? {
    var found = stat()
    guard stat(place.path, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(found.st_size)
  }
}
