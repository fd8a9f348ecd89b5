import Foundation
import MotetFormats

/// Where base models are found: `$MOTET_HOME/models/NAME`, a folder, a file, or the hub's cache.
public struct ModelStore: Sendable {
  public let root: URL
  /// Where `ORG/NAME` is looked for.
  public let hub: HubCache

  /// `$MOTET_HOME`, by default `~/.motet`.
  public static func home(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> URL {
    if let home = environment["MOTET_HOME"], !home.isEmpty { return URL(filePath: home) }
    return FileManager.default.homeDirectoryForCurrentUser.appending(path: ".motet")
  }

  public init(root: URL? = nil, hub: HubCache = HubCache()) {
    self.root = root ?? Self.home().appending(path: "models")
    self.hub = hub
  }

  /// A base model that was found.
  public struct Found: Sendable {
    public let name: String
    public let url: URL
    /// What was chosen where more than the model itself was named; nil where nothing was.
    public var note: String?

    /// Opens a Hugging Face folder, or a GGUF file.
    /// - Throws: ``ModelError/noArchitecture(_:known:)``, ``ModelError/unknownFamily(_:known:resembling:path:)`` or what is
    ///   wrong with its files
    public func source(_ reading: ModelReading = ModelReading()) throws -> any ModelSource {
      if url.pathExtension.lowercased() == "gguf" { return try GGUFModel(url, reading, note: note) }
      return try HuggingFaceFolder(url, reading, note: note)
    }
  }

  /// Finds a base by name or path, or a repository of the hub that was fetched (`ORG/NAME`, `ORG/NAME@REVISION`).
  /// - Throws: ``ModelError/notFound(name:looked:)`` with the places that were looked at;
  ///   ``ModelError/severalModels(path:names:)`` or ``ModelError/noModel(path:found:)`` for one that is there
  public func find(_ reference: String) throws -> Found {
    var looked: [String] = []
    var problem: (any Error)?
    for url in [root.appending(path: reference), URL(filePath: reference)] {
      if reference.isEmpty { continue }
      looked.append(url.path)
      OwnedFolder.putBack(url.path)
      guard FileManager.default.fileExists(atPath: url.path) else { continue }
      do {
        let (model, note) = try ModelPlace(url).model()
        return Found(name: Self.name(of: url), url: model, note: note)
      } catch {
        // What is called so in the store may be no model while the path is one.
        problem = problem ?? error
      }
    }
    if let problem { throw problem }
    if let name = try? HubName(parsing: reference) {
      if let snapshot = hub.snapshot(of: name) {
        let (model, note) = try ModelPlace(snapshot).model()
        return Found(name: name.description, url: model, note: note)
      }
      looked.append(hub.folder(of: name).path)
    }
    throw ModelError.notFound(name: reference, looked: looked)
  }

  /// A folder's name may hold a dot of its own: SmolLM2-1.7B.
  private static func name(of url: URL) -> String {
    let url = url.standardizedFileURL
    if let split = GGUFSplit(url), !split.stem.isEmpty { return split.stem }
    return (url.pathExtension.lowercased() == "gguf" ? url.deletingPathExtension() : url).lastPathComponent
  }
}
