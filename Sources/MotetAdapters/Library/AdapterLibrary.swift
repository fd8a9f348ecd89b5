import Foundation

/// The adapters of one user or server: plain folders, `ROOT/NAME/VERSION/`, with versions counted up.
///
/// `math` is the newest version of math and `math@3` that one. A version never changes once it is there: a new
/// one is written aside and renamed into place, so readers and several writers need no lock.
public struct AdapterLibrary: Sendable {
  public let root: URL

  public init(root: URL) {
    self.root = root
  }

  /// The library in `$MOTET_HOME/adapters`, `~/.motet/adapters` where the variable is not set.
  public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    let home =
      environment["MOTET_HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
      ?? FileManager.default.homeDirectoryForCurrentUser.appendingPathComponent(".motet")
    self.init(root: home.appendingPathComponent("adapters"))
  }

  /// One version of one adapter.
  public struct Entry: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let version: Int
    public let folder: URL
    /// Whether it may be removed only by force.
    public let isPinned: Bool

    public var description: String { "\(name)@\(version)" }

    /// What `motet.json` tells of it; nil when there is none.
    ///
    /// - Throws: `AdapterRecordError`.
    public func record() throws -> AdapterRecord? { try AdapterRecord.read(from: folder) }
  }

  /// The names, sorted. An absent library has none.
  ///
  /// - Throws: `LibraryError.fileSystem`.
  public func names() throws -> [String] {
    try folders(in: root).filter { (try? AdapterName($0)) != nil && !((try? versions(of: $0)) ?? []).isEmpty }
  }

  /// Every version of every adapter, by name and then by version.
  ///
  /// - Throws: `LibraryError.fileSystem`.
  public func entries() throws -> [Entry] { try names().flatMap { try versions(of: $0) } }

  /// The versions of one adapter, oldest first; none when there is no such adapter.
  ///
  /// - Throws: `LibraryError.invalidName`, `.fileSystem`.
  public func versions(of name: String) throws -> [Entry] {
    let name = try AdapterName(name).name
    let folder = root.appendingPathComponent(name)
    return try folders(in: folder).compactMap(versionNumber).sorted().map { version in
      let place = folder.appendingPathComponent(String(version))
      let pin = place.appendingPathComponent(Self.pinFile).path
      return Entry(
        name: name, version: version, folder: place, isPinned: FileManager.default.fileExists(atPath: pin))
    }
  }

  /// The version that `math` or `math@3` means.
  ///
  /// - Throws: `LibraryError.invalidName`; `.unknownName` with the names that are near; `.unknownVersion` with
  ///   the versions there are; `.emptyLibrary`.
  public func resolve(_ reference: String) throws -> Entry {
    try resolve(AdapterName(parsing: reference))
  }

  public func resolve(_ reference: AdapterName) throws -> Entry {
    let versions = try versions(of: reference.name)
    guard let newest = versions.last else {
      let known = try names()
      guard !known.isEmpty else {
        throw LibraryError.emptyLibrary(asked: reference.name, root: root.path)
      }
      throw LibraryError.unknownName(
        name: reference.name, near: nearNames(to: reference.name, in: known), known: known, root: root.path)
    }
    guard let version = reference.version else { return newest }
    guard let entry = versions.first(where: { $0.version == version }) else {
      throw LibraryError.unknownVersion(
        name: reference.name, version: version, available: versions.map(\.version))
    }
    return entry
  }

  static let pinFile = ".pinned"

  /// The names of the folders in `folder`, sorted, without hidden ones; none when it does not exist.
  func folders(in folder: URL) throws -> [String] {
    let manager = FileManager.default
    guard manager.fileExists(atPath: folder.path) else { return [] }
    do {
      return try manager.contentsOfDirectory(atPath: folder.path).filter { name in
        var isFolder: ObjCBool = false
        let path = folder.appendingPathComponent(name).path
        return !name.hasPrefix(".") && manager.fileExists(atPath: path, isDirectory: &isFolder)
          && isFolder.boolValue
      }.sorted()
    } catch {
      throw LibraryError.fileSystem(
        doing: "list the folder", path: folder.path, reason: error.localizedDescription)
    }
  }

  /// "3" is version 3; "03", "+3" and "x" are no versions.
  private func versionNumber(_ name: String) -> Int? {
    guard let number = Int(name), number > 0, String(number) == name else { return nil }
    return number
  }
}
