import Foundation
import MotetFormats

/// A Hugging Face folder to be written: `config.json`, `model.safetensors`, and the tokenizer and what else another
/// model's folder holds. It appears whole or not at all.
public struct ModelFolder: Sendable {
  public let folder: URL
  /// Replaces a model folder that is there.
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
  /// - Throws: ``ModelFolderError``, `FormatError` or what `tensors` throws
  public func write(
    _ configuration: Data, from source: any ModelSource,
    tables: () throws -> [SafetensorsWriter.Tensor] = { [] }, tensors: () throws -> [SafetensorsWriter.Tensor]
  ) throws {
    let target = folder.standardizedFileURL
    try check(target, source: source)
    let companions = try source.companions()
    let parent = target.deletingLastPathComponent()
    let mark = ".\(target.lastPathComponent).\(UInt32.random(in: 0 ... .max))"
    let draft = parent.appending(path: mark + ".draft")
    let files = FileManager.default
    do {
      try files.createDirectory(at: draft, withIntermediateDirectories: true)
      defer { try? files.removeItem(at: draft) }
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
      try Self.install(draft, at: target, aside: parent.appending(path: mark + ".old"))
    } catch let error as CocoaError {
      throw ModelFolderError.unwritable(path: folder.relativePath, reason: error.localizedDescription)
    }
  }

  /// Whether a model made from `source` may be written here.
  /// - Throws: ``ModelFolderError``
  public func check(source: any ModelSource) throws {
    try check(folder.standardizedFileURL, source: source)
  }

  /// Only an empty place, or a model folder that the caller gave up, is written over.
  private func check(_ target: URL, source: any ModelSource) throws {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: target.path, isDirectory: &isFolder) else { return }
    guard isFolder.boolValue else { throw ModelFolderError.isFile(path: target.relativePath) }
    let own = URL(filePath: source.path).resolvingSymlinksInPath().standardizedFileURL.path
    let place = target.resolvingSymlinksInPath().standardizedFileURL.path
    guard own != place, !own.hasPrefix(place + "/") else {
      throw ModelFolderError.isBase(path: target.relativePath)
    }
    let content = (try? files.contentsOfDirectory(atPath: target.path)) ?? []
    if content.isEmpty { return }
    guard overwriting else { throw ModelFolderError.exists(path: target.relativePath) }
    guard content.contains("config.json") else { throw ModelFolderError.noModel(path: target.relativePath) }
  }

  /// Two renames when a model is replaced; a crash between them leaves both, the old one under `aside`.
  private static func install(_ draft: URL, at target: URL, aside: URL) throws {
    let files = FileManager.default
    let isReplaced = files.fileExists(atPath: target.path)
    if isReplaced { try files.moveItem(at: target, to: aside) }
    do { try files.moveItem(at: draft, to: target) } catch {
      if isReplaced { try? files.moveItem(at: aside, to: target) }
      throw error
    }
    if isReplaced { try files.removeItem(at: aside) }
  }
}

/// Why a model is not written.
public enum ModelFolderError: Error, Equatable, CustomStringConvertible {
  case exists(path: String)
  case isFile(path: String)
  case isBase(path: String)
  case noModel(path: String)
  case unwritable(path: String, reason: String)

  public var description: String {
    switch self {
    case .exists(let path):
      "\(path) already exists: choose another --output, or replace it with --overwrite"
    case .isFile(let path): "\(path) is a file: give --output a folder"
    case .isBase(let path):
      "\(path) holds the base itself, which is never written over: choose another --output"
    case .noModel(let path):
      "\(path) holds other things than a model, so --overwrite does not remove it: choose another --output"
    case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
    }
  }
}
