import Foundation

/// The folder in which the hub's own tools keep what they fetched, and Motet too.
///
///     models--ORG--NAME/blobs/ETAG               a file's bytes, by SHA-256 (large files) or Git's SHA-1
///     models--ORG--NAME/snapshots/COMMIT/PATH    a relative link to a blob
///     models--ORG--NAME/refs/REVISION            the commit that the revision meant last
///     .locks/models--ORG--NAME/ETAG.lock         held while a blob is fetched
///
/// Nothing here needs a network. Source: huggingface_hub, "Understand caching".
public struct HubCache: Sendable, Equatable {
  public let root: URL

  public init(root: URL) { self.root = root }

  /// `$HF_HUB_CACHE`, or `hub` in ``home(_:)``.
  public init(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
    if let cache = Self.folder("HF_HUB_CACHE", environment)
      ?? Self.folder("HUGGINGFACE_HUB_CACHE", environment)
    {
      root = cache
    } else {
      root = Self.home(environment).appending(path: "hub")
    }
  }

  /// `$HF_HOME`, or `huggingface` in `$XDG_CACHE_HOME`, by default `~/.cache`.
  public static func home(_ environment: [String: String]) -> URL {
    if let home = folder("HF_HOME", environment) { return home }
    let caches =
      folder("XDG_CACHE_HOME", environment)
      ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
    return caches.appending(path: "huggingface")
  }

  /// A folder that a variable names; nil if the variable is not set, or empty.
  public static func folder(_ variable: String, _ environment: [String: String]) -> URL? {
    guard let path = environment[variable], !path.isEmpty else { return nil }
    return URL(filePath: (path as NSString).expandingTildeInPath)
  }

  /// Where a repository's files lie.
  public func folder(of name: HubName) -> URL {
    root.appending(path: "models--" + name.repository.replacingOccurrences(of: "/", with: "--"))
  }

  /// Where the links to a commit's files lie.
  public func snapshot(of name: HubName, commit: String) -> URL {
    folder(of: name).appending(path: "snapshots").appending(path: commit)
  }

  /// The file that says which commit a revision means.
  public func reference(of name: HubName, revision: String) -> URL {
    folder(of: name).appending(path: "refs").appending(path: revision)
  }

  /// The snapshot of a repository that is here: that of its revision, `main` if none was named; if `main` is not known
  /// here, the only snapshot. nil if there is none, or none that holds a file.
  public func snapshot(of name: HubName) -> URL? {
    if let commit = commit(of: name) { return filled(snapshot(of: name, commit: commit)) }
    guard name.revision == nil else { return nil }
    let snapshots = folder(of: name).appending(path: "snapshots")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: snapshots.path)) ?? []
    let all = names.filter(Self.isCommit).compactMap { filled(snapshots.appending(path: $0)) }
    return all.count == 1 ? all[0] : nil
  }

  /// The commit that the name's revision means here; nil if that is not known.
  public func commit(of name: HubName) -> String? {
    let revision = name.revision ?? HubName.defaultRevision
    if let data = try? Data(contentsOf: reference(of: name, revision: revision)), data.count <= 100 {
      let commit = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      if Self.isCommit(commit) { return commit }
    }
    return Self.isCommit(revision) ? revision : nil
  }

  /// Whether `text` is a commit's full hash: 40 hexadecimal digits, or 64 of SHA-256.
  public static func isCommit(_ text: String) -> Bool {
    (text.utf8.count == 40 || text.utf8.count == 64)
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
      }
  }

  private func filled(_ snapshot: URL) -> URL? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: snapshot.path)) ?? []
    return names.isEmpty ? nil : snapshot
  }
}
