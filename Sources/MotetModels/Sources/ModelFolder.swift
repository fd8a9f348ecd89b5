import Foundation
import MotetFormats

/// A Hugging Face folder to be written: `config.json`, `model.safetensors`, the tokenizer and what else another model's
/// folder holds, and `motet.json`, which lists them. It appears whole or not at all.
public struct ModelFolder: Sendable {
  public let folder: URL
  /// Replaces a model folder that Motet wrote and that holds nothing else.
  public let overwriting: Bool

  public init(_ folder: URL, overwriting: Bool = false) {
    self.folder = folder
    self.overwriting = overwriting
  }

  /// - Parameters:
  ///   - configuration: the content of `config.json`
  ///   - source: the model that it is made from, which is never written over
  ///   - tables: what ``HuggingFaceFolder/tableFile`` holds; there is none for nothing
  ///   - tensors: what `model.safetensors` holds, asked for once the place has been checked
  /// - Throws: ``ModelFolderError``, ``OwnedFolderError``, `FormatError` or what `tensors` throws
  public func write(
    _ configuration: Data, from source: any ModelSource,
    tables: () throws -> [SafetensorsWriter.Tensor] = { [] }, tensors: () throws -> [SafetensorsWriter.Tensor]
  ) throws {
    try check(source: source)
    let companions = try source.companions()
    try owned.write { draft in
      try AtomicFile.write(configuration, to: draft.appending(path: "config.json"))
      for (name, data) in companions { try AtomicFile.write(data, to: draft.appending(path: name)) }
      let tables = try tables()
      var metadata = ["format": "pt"]
      if !tables.isEmpty {
        metadata[HuggingFaceFolder.tableKey] = HuggingFaceFolder.tableFile
        try SafetensorsWriter.write(tables, to: draft.appending(path: HuggingFaceFolder.tableFile))
      }
      try SafetensorsWriter.write(
        tensors(), metadata: metadata, to: draft.appending(path: "model.safetensors"))
      try FolderManifest.write(.model, to: draft)
    }
  }

  /// Whether a model made from `source` may be written here: to be asked before the work, not after it.
  /// - Throws: ``ModelFolderError``, ``OwnedFolderError``
  public func check(source: any ModelSource) throws {
    let (base, target) = (try Self.place(URL(filePath: source.path)), try Self.place(folder))
    let isFolder = (try? URL(filePath: base).resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
    guard base != target, !base.hasPrefix(target + "/"), !isFolder || !target.hasPrefix(base + "/") else {
      throw ModelFolderError.isBase(path: folder.relativePath)
    }
    try owned.check()
  }

  /// Removes it, as far as its `motet.json` says that Motet wrote it.
  package func remove() { owned.remove() }

  private var owned: OwnedFolder { OwnedFolder(folder, kind: .model, overwriting: overwriting) }

  private static func place(_ url: URL) throws -> String {
    try OutputPath.resolved(url.path(percentEncoded: false))
  }
}

/// Why a model is not written.
public enum ModelFolderError: Error, Equatable, CustomStringConvertible {
  case isBase(path: String)

  public var description: String {
    switch self {
    case .isBase(let path):
      "\(path) holds the base itself, or lies in its folder, which is never written to: choose another --output"
    }
  }
}
