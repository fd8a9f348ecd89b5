import Foundation
import MotetFormats
import MotetTensor
import MotetTokenizers

/// A Hugging Face folder: `config.json`, safetensors (sharded or not), `tokenizer.json`, chat template. Its matrices may
/// be in NF4, as `motet quantize` and transformers with bitsandbytes write them.
public struct HuggingFaceFolder: ModelSource {
  public let model: ModelDescription
  public let path: String
  private let folder: URL
  private let reading: ModelReading
  private let tensors: ShardedSafetensors
  private let names: StoredNames
  /// What ``tableFile`` holds, where there is one.
  private let beside: SafetensorsFile?
  public let notes: [String]

  /// - Parameters:
  ///   - reading: how its files are read where they do not say it
  ///   - note: what was chosen when it was looked for, for ``notes``
  public init(_ folder: URL, _ reading: ModelReading = ModelReading(), note: String? = nil) throws {
    self.folder = folder
    self.reading = reading
    path = folder.path
    let configuration = folder.appending(path: "config.json")
    let fields = ConfigurationFields(
      file: configuration.path, members: try JSONValue.object(contentsOf: configuration))
    let family = try Self.family(reading.architecture, fields, folder)
    var model = try family.model(fields)
    tensors = try ShardedSafetensors(folder: folder)
    let names = StoredNames(tensors, root: model.architecture.root, head: model.headName)
    notes = try [note].compactMap(\.self) + model.notes + Self.settleHead(&model, tensors, names, folder)
    self.model = model
    self.names = names
    let tables = folder.appending(path: Self.tableFile)
    let isThere = FileManager.default.fileExists(atPath: tables.path)
    beside = isThere ? try SafetensorsFile(contentsOf: tables) : nil
    if beside == nil, tensors.metadata[Self.tableKey] != nil {
      throw FormatError.unreadable(
        file: tables.path,
        reason: "the model is incomplete without it: quantize it again, or copy all its files")
    }
  }

  /// The family that is asked for, or that the folder's `model_type` means.
  /// - Throws: ``ModelError/noArchitecture(_:known:)``, ``ModelError/unknownFamily(_:known:resembling:path:)``
  private static func family(
    _ asked: String?, _ fields: ConfigurationFields, _ folder: URL
  ) throws -> any Architecture.Type {
    if let asked {
      guard let family = Architectures.named(asked) else {
        throw ModelError.noArchitecture(asked, known: Architectures.all.map { $0.name })
      }
      return family
    }
    let type = try fields.string("model_type")
    if let family = Architectures.all.first(where: { $0.modelTypes.contains(type) }) { return family }
    let names = (try? ShardedSafetensors(folder: folder))?.names ?? []
    throw ModelError.unknownFamily(
      type, known: Architectures.modelTypes, resembling: Architectures.resembling(fields, names)?.name,
      path: folder.path)
  }

  /// A head of its own in the file counts, whatever `config.json` says, as in transformers 5 and llama.cpp; one that is
  /// the embedding again is the embedding.
  /// - Throws: ``ModelError/noHead(path:)`` when there is none and the configuration does not tie it
  private static func settleHead(
    _ model: inout ModelDescription, _ tensors: ShardedSafetensors, _ names: StoredNames, _ folder: URL
  ) throws -> [String] {
    let (head, embedding) = (names[model.headName], names[model.embeddingName])
    guard tensors.contains(head) else {
      guard model.configuration.tieWordEmbeddings else { throw ModelError.noHead(path: folder.path) }
      return []
    }
    guard model.configuration.tieWordEmbeddings, tensors.contains(embedding) else { return [] }
    let isSame = try tensors.tensor(head).holdsSame(as: tensors.tensor(embedding))
    model.configuration.tieWordEmbeddings = isSame
    return isSame
      ? []
      : [
        "\(folder.path): config.json ties the head to the embedding, and \(head) holds other values: those are used"
      ]
  }

  public var tensorNames: [String] { tensors.names.map(names.full) }

  public func floats(_ name: String) throws -> [Float] {
    try nf4(name)?.floats() ?? tensors.tensor(names[name]).floats()
  }

  public func shape(_ name: String) throws -> [Int] {
    let own = names[name]
    return tensors.isNF4(own) ? try tensors.nf4Shape(own) : try tensors.tensor(own).shape
  }

  public func contains(_ name: String) -> Bool { tensors.contains(names[name]) }

  public var storedPrecision: Precision? { tensors.names.contains(where: tensors.isNF4) ? .nf4 : nil }

  public func nf4(_ name: String) throws -> NF4Matrix? {
    let own = names[name]
    guard tensors.isNF4(own) else { return nil }
    return try matrix(own, in: tensors)
  }

  public func nf4Table(_ name: String) throws -> NF4Matrix? {
    guard storedPrecision == .nf4, let beside, beside.isNF4(name) else { return nil }
    return try matrix(name, in: beside)
  }

  private func matrix(_ name: String, in source: some TensorSource) throws -> NF4Matrix {
    let stored = try StoredNF4(name, in: source, code: NF4Matrix.code)
    return try NF4Matrix(stored, fifthBits: beside.flatMap { try stored.fifthBits(name, in: $0) })
  }

  /// What `motet quantize --calibrate` adds to what transformers reads: the head in NF4, which transformers wants wide and
  /// finds so in the model's own file, and the fifth bits of matrices, which it does without.
  static let tableFile = "motet-tables.safetensors"
  /// What the model's own file names it by in its metadata.
  static let tableKey = "motet.tables"

  public func tokenizer() throws -> Tokenizer {
    let file = folder.appending(path: "tokenizer.json")
    guard FileManager.default.fileExists(atPath: file.path) else { throw ModelError.noTokenizer(path: path) }
    return try Tokenizer(tokenizerJSON: file)
  }

  public func template() throws -> ChatTemplate? {
    let own = try reading.ownTemplate { try ChatTemplate.found(inFolder: folder) }
    return try reading.template(inPlaceOf: own)
  }

  /// The folder's own files, byte for byte.
  public func companions() throws -> [String: Data] {
    let names = [
      "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
      "vocab.json", "merges.txt", "chat_template.jinja", "generation_config.json",
    ]
    var files: [String: Data] = [:]
    for name in names {
      let file = folder.appending(path: name)
      if FileManager.default.fileExists(atPath: file.path) { files[name] = try Data(contentsOf: file) }
    }
    if files["generation_config.json"] == nil {
      files["generation_config.json"] = configuration.generationJSON()
    }
    return files
  }
}

/// How a folder names its tensors: as the model does or, where it holds the model without its head, without the family's
/// prefix (`h.0.attn.c_attn.weight`).
private struct StoredNames {
  private let root: String
  private let head: String
  private let isBare: Bool

  init(_ tensors: ShardedSafetensors, root: String, head: String) {
    self.root = root
    self.head = head
    isBare = !root.isEmpty && !tensors.names.contains { $0.hasPrefix(root) }
  }

  subscript(name: String) -> String {
    isBare && name.hasPrefix(root) ? String(name.dropFirst(root.count)) : name
  }

  /// The model's name of a tensor of the folder.
  func full(_ name: String) -> String {
    isBare && name != head ? root + name : name
  }
}
