import Foundation
import MotetFormats

/// Where base models are found: `$MOTET_HOME/models/NAME`, a folder or a file.
public struct ModelStore: Sendable {
  public let root: URL

  /// `$MOTET_HOME`, by default `~/.motet`.
  public static func home(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> URL {
    if let home = environment["MOTET_HOME"], !home.isEmpty { return URL(filePath: home) }
    return FileManager.default.homeDirectoryForCurrentUser.appending(path: ".motet")
  }

  public init(root: URL? = nil) {
    self.root = root ?? Self.home().appending(path: "models")
  }

  /// A base model that was found.
  public struct Found: Sendable {
    public let name: String
    public let url: URL

    /// Opens a Hugging Face folder, or a GGUF file.
    public func source() throws -> any ModelSource {
      if url.pathExtension.lowercased() == "gguf" { return try GGUFModel(url) }
      return try HuggingFaceFolder(url)
    }
  }

  /// Finds a base by name or path.
  /// - Throws: ``ModelError/notFound(name:looked:)`` with the places that were looked at
  public func find(_ reference: String) throws -> Found {
    var looked: [String] = []
    for url in [root.appending(path: reference), URL(filePath: reference)] {
      if reference.isEmpty { continue }
      looked.append(url.path)
      OwnedFolder.putBack(url.path)
      if let model = model(at: url) {
        // A folder's name may hold a dot of its own: SmolLM2-1.7B.
        let named = url.pathExtension.lowercased() == "gguf" ? url.deletingPathExtension() : url
        return Found(name: named.standardizedFileURL.lastPathComponent, url: model)
      }
    }
    throw ModelError.notFound(name: reference, looked: looked)
  }

  /// A GGUF file, a folder with `config.json`, or a folder with one GGUF file.
  private func model(at url: URL) -> URL? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else { return nil }
    guard isFolder.boolValue else { return url.pathExtension.lowercased() == "gguf" ? url : nil }
    if FileManager.default.fileExists(atPath: url.appending(path: "config.json").path) { return url }
    let files = (try? FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)) ?? []
    let models = files.filter { $0.pathExtension.lowercased() == "gguf" }
    return models.count == 1 ? models.first : nil
  }
}
