import Foundation

/// What `motet.json` in a folder says that Motet wrote there: nothing else is ever replaced or removed.
///
/// | member | what |
/// |---|---|
/// | `kind` | `model`; an adapter's record has none |
/// | `files` | every file of the folder by its path in it, `motet.json` among them |
package struct FolderManifest: Equatable {
  package enum Kind: String, Sendable {
    case adapter, model, demo
  }

  package static let fileName = "motet.json"

  package var kind: Kind
  package var files: [String]

  package init(kind: Kind, files: [String]) {
    self.kind = kind
    self.files = files
  }

  /// The one of a folder; nil where there is none, or none that lists files.
  package init?(of folder: String) {
    let place = URL(filePath: folder).appending(path: Self.fileName)
    guard let members = try? JSONValue.object(contentsOf: place), case .array(let names)? = members["files"]
    else { return nil }
    files = names.compactMap { if case .string(let name) = $0 { name } else { nil } }
    guard case .string(let kind)? = members["kind"] else {
      kind = .adapter
      return
    }
    guard let known = Kind(rawValue: kind) else { return nil }
    self.kind = known
  }

  /// Writes it for all files of a folder in which nobody else writes.
  package static func write(_ kind: Kind, to folder: URL) throws {
    let files = Self.files(of: folder.path)
    let text = JSONValue.object([
      "kind": .string(kind.rawValue), "files": .array(files.map { .string($0) }),
    ]).text(indent: 2)
    try AtomicFile.write(Data((text + "\n").utf8), to: folder.appending(path: fileName))
  }

  /// What may be listed of a folder once `names` were written there: all that a draft holds, since nobody else writes into
  /// it, and of any other folder those alone.
  package static func files(of folder: URL, written names: [String]) -> [String] {
    DraftFolder.isUnfinished(folder.path) ? files(of: folder.path) : (names + [fileName]).sorted()
  }

  /// The files of a folder by their paths in it, sorted, with ``fileName`` and without the mark of a draft.
  package static func files(of folder: String) -> [String] {
    var found: Set = [fileName]
    walk(folder) { path, isFolder in
      if !isFolder, path != DraftFolder.mark { found.insert(path) }
      return true
    }
    return found.sorted()
  }

  /// The first entry of a folder that is not listed, not a folder of what is listed, and not passed over; nil when the
  /// folder holds nothing of that kind.
  func firstForeign(in folder: String, passingOver: (String) -> Bool) -> String? {
    let names = Set(files)
    let folders = Set(files.flatMap(Self.folders))
    var foreign: String?
    Self.walk(folder) { path, isFolder in
      guard foreign == nil, !passingOver(path) else { return false }
      if isFolder ? folders.contains(path) : names.contains(path) { return true }
      foreign = path
      return false
    }
    return foreign
  }

  /// `a` and `a/b` of `a/b/c`.
  private static func folders(above path: String) -> [String] {
    let parts = path.split(separator: "/")
    return parts.indices.dropFirst().map { parts[..<$0].joined(separator: "/") }
  }

  /// Goes through a folder by name, each folder before what it holds. Links are not followed.
  /// - Parameter body: says whether to go into a folder
  static func walk(_ folder: String, below: String = "", _ body: (_ path: String, _ isFolder: Bool) -> Bool) {
    let place = below.isEmpty ? folder : folder + "/" + below
    for name in ((try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []).sorted() {
      let path = below.isEmpty ? name : below + "/" + name
      var found = stat()
      guard lstat(folder + "/" + path, &found) == 0 else { continue }
      let isFolder = found.st_mode & S_IFMT == S_IFDIR
      if body(path, isFolder), isFolder { walk(folder, below: path, body) }
    }
  }
}
