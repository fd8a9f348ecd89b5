import Foundation
import MotetFormats
import MotetModels

/// A base with a mix written into its weights for good: a Hugging Face folder that `transformers` loads.
///
///     try FusedModel(base, mix: [code: 0.5, math: 0.5]).write(to: URL(filePath: "fused"))
///
/// Weights are read from the base's source, not from its packed matrices: what the base's precision rounded
/// away is in the file. One tensor is in memory at a time.
public struct FusedModel: Sendable {
  public let base: BaseModel
  public let mix: Mix

  public init(_ base: BaseModel, mix: Mix) {
    self.base = base
    self.mix = mix
  }

  /// Writes `config.json`, `model.safetensors`, the tokenizer with its chat template and
  /// `generation_config.json`. The folder appears whole or not at all.
  ///
  /// A cancelled task leaves nothing behind.
  ///
  /// - Parameters:
  ///   - type: `.f32`, or `.bf16` for half the bytes
  ///   - overwriting: replaces a model folder that is there
  ///   - onTensor: told how many of all tensors are written
  /// - Throws: ``FusedModelError``, ``FuseError``, `FormatError` or `CancellationError`
  public func write(
    to folder: URL, type: ElementType = .f32, overwriting: Bool = false,
    onTensor: (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) throws {
    try mix.require(.fuse)
    let target = folder.standardizedFileURL
    try checkTarget(target, overwriting: overwriting)
    let companions = try base.source.companions()
    let parent = target.deletingLastPathComponent()
    let mark = ".\(target.lastPathComponent).\(UInt32.random(in: 0 ... .max))"
    let draft = parent.appending(path: mark + ".draft")
    let files = FileManager.default
    do {
      try files.createDirectory(at: draft, withIntermediateDirectories: true)
      defer { try? files.removeItem(at: draft) }
      try AtomicFile.write(
        base.configuration.huggingFaceJSON(type: type), to: draft.appending(path: "config.json"))
      for (name, data) in companions { try AtomicFile.write(data, to: draft.appending(path: name)) }
      try withoutActuallyEscaping(onTensor) { onTensor in
        try SafetensorsWriter.write(
          tensors(type: type, onTensor: onTensor), metadata: ["format": "pt"],
          to: draft.appending(path: "model.safetensors"))
      }
      try Self.install(draft, at: target, aside: parent.appending(path: mark + ".old"))
    } catch let error as CocoaError {
      throw FusedModelError.unwritable(path: folder.relativePath, reason: error.localizedDescription)
    }
  }

  /// What is written, in the order of the model.
  private func tensors(
    type: ElementType, onTensor: @escaping (Int, Int) -> Void
  ) throws -> [SafetensorsWriter.Tensor] {
    let names = tensorNames
    let sites = Dictionary(uniqueKeysWithValues: base.sites.map { ("model.\($0.path).weight", $0) })
    let source = base.source
    var done = 0
    return try names.map { name in
      // An untied head that the file lacks is the embedding, as the model is computed here.
      let stored = source.contains(name) ? name : "model.embed_tokens.weight"
      return SafetensorsWriter.Tensor(name: name, shape: try source.shape(stored), type: type) {
        try Task.checkCancellation()
        var values = try source.floats(stored)
        if let site = sites[name] {
          values = try Fuse.fused(base: values, site, mix)
        }
        done += 1
        onTensor(done, names.count)
        return values
      }
    }
  }

  private var tensorNames: [String] {
    let norms = ["input_layernorm", "post_attention_layernorm"]
    var names = ["model.embed_tokens.weight", "model.norm.weight"]
    if !base.configuration.tieWordEmbeddings { names.append("lm_head.weight") }
    for layer in 0..<base.configuration.layers {
      names += norms.map { "model.layers.\(layer).\($0).weight" }
    }
    return names + base.sites.map { "model.\($0.path).weight" }
  }

  /// Only an empty place, or a model folder that the caller gave up, is written over.
  private func checkTarget(_ target: URL, overwriting: Bool) throws {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: target.path, isDirectory: &isFolder) else { return }
    guard isFolder.boolValue else { throw FusedModelError.isFile(path: target.relativePath) }
    let source = URL(filePath: base.source.path).resolvingSymlinksInPath().standardizedFileURL.path
    let place = target.resolvingSymlinksInPath().standardizedFileURL.path
    guard source != place, !source.hasPrefix(place + "/") else {
      throw FusedModelError.isBase(path: target.relativePath)
    }
    let content = (try? files.contentsOfDirectory(atPath: target.path)) ?? []
    if content.isEmpty { return }
    guard overwriting else { throw FusedModelError.exists(path: target.relativePath) }
    guard content.contains("config.json") else { throw FusedModelError.noModel(path: target.relativePath) }
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

/// Why a fused model is not written.
public enum FusedModelError: Error, Equatable, CustomStringConvertible {
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
