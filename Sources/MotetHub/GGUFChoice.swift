import Foundation
import MotetFormats

/// One model in GGUF: a file, or all parts of one.
struct GGUFChoice: Sendable {
  /// In their order.
  let files: [HubFile]

  /// The file that is opened: the first part.
  var path: String { files[0].path }
  /// `NAME.gguf (1.34 GB)`.
  var label: String {
    let size = FileSize.text(files.reduce(0) { $0 + $1.size })
    return files.count == 1 ? "\(path) (\(size))" : "\(path) (\(files.count) parts, \(size))"
  }

  private init(_ files: [HubFile]) { self.files = files }

  /// The models of a listing, sorted by path; projectors of pictures (`mmproj-…`) are not models.
  static func all(in listing: HubListing) -> [GGUFChoice] {
    var groups: [String: [HubFile]] = [:]
    for file in listing.files where file.path.lowercased().hasSuffix(".gguf") {
      let url = URL(filePath: "/" + file.path)
      guard !url.lastPathComponent.lowercased().hasPrefix("mmproj") else { continue }
      groups[GGUFSplit(url).map { $0.url(of: 1).path } ?? url.path, default: []].append(file)
    }
    return groups.values.map { GGUFChoice($0.sorted { $0.path < $1.path }) }.sorted { $0.path < $1.path }
  }

  /// The one model that `pattern` matches, by its path or by the name at the path's end.
  /// - Throws: ``HubError/noGGUF(repository:pattern:names:)``,
  ///   ``HubError/ambiguousGGUF(repository:pattern:names:)``, ``HubError/missingShards(repository:names:)``
  static func one(_ pattern: String, in listing: HubListing, of repository: String) throws -> GGUFChoice {
    let (all, glob) = (all(in: listing), GlobPattern(pattern))
    let exact = all.filter { choice in choice.files.contains { $0.path == pattern } }
    let found =
      exact.isEmpty
      ? all.filter { choice in
        choice.files.contains { file in
          glob.matches(file.path) || glob.matches(String(file.path.split(separator: "/").last ?? ""))
        }
      } : exact
    guard let first = found.first else {
      throw HubError.noGGUF(repository: repository, pattern: pattern, names: all.map(\.label))
    }
    guard found.count == 1 else {
      throw HubError.ambiguousGGUF(repository: repository, pattern: pattern, names: found.map(\.label))
    }
    return try first.whole(in: repository)
  }

  /// Itself, if no part is missing.
  /// - Throws: ``HubError/missingShards(repository:names:)``
  func whole(in repository: String) throws -> GGUFChoice {
    guard let split = GGUFSplit(URL(filePath: "/" + path)) else { return self }
    let expected = (1...split.count).map { String(split.url(of: $0).path.dropFirst()) }
    let missing = expected.filter { path in !files.contains { $0.path == path } }
    guard missing.isEmpty else { throw HubError.missingShards(repository: repository, names: missing) }
    return self
  }
}
