import Foundation
import MotetFormats

/// A file or folder that a user names as a base model, and the model in it.
///
/// A folder holds `config.json` with safetensors, one GGUF file (or the parts of one), or a folder that does: a snapshot
/// of the hub's cache is two levels down.
struct ModelPlace {
  private let url: URL

  init(_ url: URL) { self.url = url }

  /// The Hugging Face folder or GGUF file, and what was chosen where the place is not the model itself.
  /// - Throws: ``ModelError/severalModels(path:names:)``, ``ModelError/noModel(path:found:)``
  func model() throws -> (url: URL, note: String?) {
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    guard isFolder.boolValue else { return (try file(), nil) }
    if let model = try Self.model(in: url) { return (model, nil) }
    let below = FolderContents.folders(below: url, holding: { Self.hasModel($0) })
    guard below.count < 2 else { throw ModelError.severalModels(path: url.path, names: below) }
    guard let only = below.first, let model = try Self.model(in: url.appending(path: only)) else {
      throw ModelError.noModel(path: url.path, found: contents)
    }
    return (model, "\(url.path): the model in \(only) is used")
  }

  /// A GGUF file; of a part of one, the first.
  private func file() throws -> URL {
    if url.pathExtension.lowercased() == "gguf" {
      guard let split = GGUFSplit(url), split.number > 1 else { return url }
      let first = split.url(of: 1)
      return FileManager.default.fileExists(atPath: first.path) ? first : url
    }
    let name = url.lastPathComponent
    if name.hasSuffix(".safetensors") || name == "config.json" || name == "tokenizer.json" {
      throw ModelError.noModel(
        path: url.path,
        found: "it is one of a model's files; name its folder \(url.deletingLastPathComponent().path)")
    }
    throw ModelError.noModel(
      path: url.path,
      found: "it is a file of another kind; name a GGUF file or the folder of a Hugging Face model")
  }

  /// The model that lies in a folder itself; nil where none does.
  private static func model(in folder: URL) throws -> URL? {
    let names = FolderContents.names(in: folder)
    let hasWeights = names.contains { $0 == "model.safetensors" || $0 == "model.safetensors.index.json" }
    let models = ggufModels(names, in: folder)
    if names.contains("config.json"), hasWeights || models.isEmpty { return folder }
    guard models.count < 2 else {
      throw ModelError.severalModels(path: folder.path, names: models.map(\.lastPathComponent))
    }
    return models.first
  }

  private static func hasModel(_ folder: URL) -> Bool {
    let names = FolderContents.names(in: folder)
    return names.contains("config.json") || !ggufModels(names, in: folder).isEmpty
  }

  /// The GGUF files, and of those in parts the first; projectors of pictures (`mmproj-…`) are not models.
  private static func ggufModels(_ names: [String], in folder: URL) -> [URL] {
    names.filter { $0.lowercased().hasSuffix(".gguf") && !$0.lowercased().hasPrefix("mmproj") }
      .map { folder.appending(path: $0) }
      .filter { url in
        guard let split = GGUFSplit(url), split.number > 1 else { return true }
        return !FileManager.default.fileExists(atPath: split.url(of: 1).path)
      }
  }

  /// What lies there in place of a model, and what to do.
  private var contents: String {
    let names = FolderContents.names(in: url)
    if names.contains("adapter_config.json") {
      return "it holds an adapter, which is given with --mix; name its base as the model"
    }
    if let unfinished = FolderContents.unfinished(in: url) {
      return "'\(unfinished)' is a download that has not ended; fetch it again"
    }
    if names.contains(where: { $0.hasSuffix(".safetensors") }) {
      return "there are weights and no config.json; put the model's beside them"
    }
    return names.isEmpty
      ? "the folder is empty"
      : "there is neither config.json nor a GGUF file; name the folder of a Hugging Face model, or a GGUF file"
  }
}
