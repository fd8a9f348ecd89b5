import Foundation
import MotetAdapters

/// Where an adapter's files are, and how to see that they are still the same.
struct AdapterPlace: Sendable {
  let name: String
  /// nil for one of a folder.
  let version: Int?
  let folder: URL
  let stamp: FileStamp
  /// Whether requests have no name for it: `name` is its path then, which nobody is told.
  var isUnnamed = false

  private var shown: String { isUnnamed ? folder.lastPathComponent : name }
  var label: AdapterLabel { AdapterLabel(name: shown, version: version) }
  /// `math@3`
  var title: String { version.map { "\(shown)@\($0)" } ?? shown }
}

/// Tells an adapter's files from others that took their place, without reading them.
struct FileStamp: Sendable, Hashable {
  private struct File: Hashable {
    let device: UInt64
    let number: UInt64
    let size: Int64
    let seconds: Int
    let nanoseconds: Int
  }
  private let files: [File?]
  /// Bytes of the weights.
  let bytes: Int
  /// Unix time of the latest change.
  let changed: Int

  /// nil when the folder holds no adapter.
  init?(_ folder: URL) {
    let files = AdapterPlaces.files.map { Self.look(folder.appendingPathComponent($0).path) }
    guard files[0] != nil else { return nil }
    self.files = files
    bytes = Int(files[1]?.size ?? 0)
    changed = files.compactMap { $0?.seconds }.max() ?? 0
  }

  private static func look(_ path: String) -> File? {
    var found = stat()
    guard stat(path, &found) == 0 else { return nil }
    #if canImport(Darwin)
      let time = found.st_mtimespec
    #else
      let time = found.st_mtim
    #endif
    return File(
      device: UInt64(found.st_dev), number: UInt64(found.st_ino), size: Int64(found.st_size),
      seconds: Int(time.tv_sec), nanoseconds: Int(time.tv_nsec))
  }
}

/// The adapters that names can mean: those loaded by name at run time, those of the folders given at start, and the
/// library, looked for in this order. No request reaches anything else.
struct AdapterPlaces: Sendable {
  let library: AdapterLibrary?
  /// Each holds adapters in folders of their own.
  let folders: [URL]
  /// Loaded by name at run time.
  var named: [String: URL] = [:]
  /// Of folders loaded by somebody who may use all adapters, by the name they were loaded by: what the folder is called
  /// itself, which those who may use the name may use under it.
  var granted: [String: Set<String>] = [:]

  /// The first has to be there.
  static let files = ["adapter_config.json", "adapter_model.safetensors", AdapterRecord.fileName]

  init(library: AdapterLibrary?, folders: [URL]) {
    self.library = library
    self.folders = folders
  }

  /// What lies outside the folders given at start, or outside the scope, is not there for who names it: where it lies is
  /// not theirs to know.
  /// - Throws: ``ServingError/unknownModel(name:near:)``
  func find(_ name: AdapterName, within scope: AdapterScope) throws -> AdapterPlace {
    guard scope.allows(name.name) else { throw ServingError.unknownModel(name: name.description, near: []) }
    let place = try find(name)
    guard reaches(place, within: scope) else {
      throw ServingError.unknownModel(name: name.description, near: [])
    }
    return place
  }

  /// - Throws: ``ServingError/unknownModel(name:near:)``
  func find(_ name: AdapterName) throws -> AdapterPlace {
    if name.version == nil {
      let inFolders = folders.map { $0.appendingPathComponent(name.name, isDirectory: true) }
      for folder in [named[name.name]].compactMap({ $0 }) + inFolders {
        guard let stamp = FileStamp(folder), isAllowed(folder) else { continue }
        return AdapterPlace(name: name.name, version: nil, folder: folder, stamp: stamp)
      }
    }
    guard let entry = try? library?.resolve(name), let stamp = FileStamp(entry.folder) else {
      throw ServingError.unknownModel(name: name.description, near: nearNames(to: name.name, in: names()))
    }
    return AdapterPlace(name: entry.name, version: entry.version, folder: entry.folder, stamp: stamp)
  }

  /// Every name, without versions.
  func names() -> [String] {
    let inLibrary = (try? library?.names()) ?? []
    return Set(Array(named.keys) + folders.flatMap(Self.adapters) + inLibrary).sorted()
  }

  /// Every adapter that a request can name; of the library each version, the newest first.
  func all() -> [AdapterPlace] {
    var places: [AdapterPlace] = []
    let plain = Set(Array(named.keys) + folders.flatMap(Self.adapters)).sorted()
    for name in plain {
      if let name = try? AdapterName(name), let place = try? find(name) { places.append(place) }
    }
    for entry in ((try? library?.entries()) ?? []).reversed() {
      guard let stamp = FileStamp(entry.folder) else { continue }
      places.append(
        AdapterPlace(name: entry.name, version: entry.version, folder: entry.folder, stamp: stamp))
    }
    return places
  }

  private static func adapters(in root: URL) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.filter {
      (try? AdapterName($0)) != nil && FileStamp(root.appendingPathComponent($0, isDirectory: true)) != nil
    }
  }

  // MARK: What may be read

  /// The folder that a path given at run time means.
  /// - Throws: ``ServingError/forbiddenFolder(path:)``, ``ServingError/unusableAdapter(name:reason:)``; with a limited
  ///   scope ``ServingError/noSuchFolder`` and nothing else
  func allowedFolder(_ path: String, for name: String, within scope: AdapterScope = .all) throws -> URL {
    guard !path.contains("\0"), !path.split(separator: "/").contains("..") else {
      throw scope.isLimited ? ServingError.noSuchFolder : ServingError.forbiddenFolder(path: path)
    }
    // Before anything is looked at, so that the time taken says nothing of it.
    guard mayMean(path, within: scope) else { throw ServingError.noSuchFolder }
    // A plain name means the folder of that name under the first that has it.
    let candidates =
      path.hasPrefix("/")
      ? [URL(fileURLWithPath: path, isDirectory: true)]
      : folders.map { $0.appendingPathComponent(path, isDirectory: true) }
        + [URL(fileURLWithPath: path, isDirectory: true)]
    let allowed = candidates.filter { isAllowed($0) && isOwn($0, within: scope) }
    guard !allowed.isEmpty else {
      throw scope.isLimited ? ServingError.noSuchFolder : ServingError.forbiddenFolder(path: path)
    }
    guard let found = allowed.first(where: { FileStamp($0) != nil }) else {
      throw scope.isLimited
        ? ServingError.noSuchFolder
        : ServingError.unusableAdapter(name: name, reason: "no folder at that path holds adapter_config.json")
    }
    return found
  }

  /// - Throws: ``ServingError/forbiddenFolder(path:)`` for a folder, or a file in it, that with all links resolved lies
  ///   outside the library and the folders given at start
  func requireAllowed(_ folder: URL) throws {
    let roots = roots.map { $0.path + "/" }
    let places = [folder] + Self.files.map { folder.appendingPathComponent($0) }
    for place in places {
      let path = Self.resolved(place)
      guard roots.contains(where: { path.hasPrefix($0) }) else {
        throw ServingError.forbiddenFolder(path: folder.path)
      }
    }
  }

  func isAllowed(_ folder: URL) -> Bool { (try? requireAllowed(folder)) != nil }

  /// A path with all links resolved, also those that lead to nothing.
  static func resolved(_ place: URL, links: Int = 16) -> String {
    if let found = realpath(place.path, nil) {
      defer { free(found) }
      return String(cString: found)
    }
    guard place.path != "/" else { return "/" }
    let parent = place.deletingLastPathComponent()
    if links > 0, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: place.path) {
      let path = target.hasPrefix("/") ? target : resolved(parent) + "/" + target
      return resolved(URL(fileURLWithPath: path), links: links - 1)
    }
    // What is not there yet is judged by the folder it would be in.
    return resolved(parent) + "/" + place.lastPathComponent
  }

  /// The adapter of a folder: the one that requests know by its name, where it is that; else one that none can name.
  func place(at folder: URL) -> AdapterPlace? {
    if let name = try? AdapterName(folder.lastPathComponent), let known = try? find(name),
      known.version == nil, Self.resolved(known.folder) == Self.resolved(folder)
    {
      return known
    }
    return FileStamp(folder).map {
      AdapterPlace(name: folder.path, version: nil, folder: folder, stamp: $0, isUnnamed: true)
    }
  }
}
