import Foundation
import MotetFormats
import MotetTensor
import MotetTokenizers

/// Where a base model's weights come from, under Hugging Face's names and in its layout.
public protocol ModelSource: Sendable {
  var configuration: ModelConfiguration { get }
  /// The file or folder.
  var path: String { get }
  /// `model.layers.0.self_attn.q_proj.weight` as f32, row-major `[outputs, inputs]`.
  func floats(_ name: String) throws -> [Float]
  func shape(_ name: String) throws -> [Int]
  func contains(_ name: String) -> Bool
  /// The matrix `name` as it is stored, where that is in NF4; nil where it is not.
  func nf4(_ name: String) throws -> NF4Matrix?
  /// The table `name` as it was rounded to NF4 by its inputs, beside the wide values that ``floats(_:)`` gives; nil
  /// where there is none.
  func nf4Table(_ name: String) throws -> NF4Matrix?
  /// The matrix `name` in the blocks that it is stored in, where those can be multiplied; nil where they cannot.
  func stored(_ name: String) throws -> StoredBlocks?
  /// The tensors that the file or folder holds, by Hugging Face's names; those that it has no name for, by their own.
  var tensorNames: [String] { get }
  /// What was decided while it was opened and the user may not expect, a line each.
  var notes: [String] { get }
  /// Whether the tokenizer is another model's, so that its ids need not fit the embedding.
  var borrowsTokenizer: Bool { get }
  /// What the source's matrices are best held in: nil for what the processor is best at.
  var storedPrecision: Precision? { get }
  func tokenizer() throws -> Tokenizer
  func template() throws -> ChatTemplate
  /// What a Hugging Face folder holds beside weights and `config.json`, by file name: the tokenizer, the chat
  /// template, the defaults of generation.
  func companions() throws -> [String: Data]
}

extension ModelSource {
  public func nf4(_ name: String) throws -> NF4Matrix? { nil }
  public func nf4Table(_ name: String) throws -> NF4Matrix? { nil }
  public func stored(_ name: String) throws -> StoredBlocks? { nil }
  public var storedPrecision: Precision? { nil }
  public var tensorNames: [String] { [] }
  public var notes: [String] { [] }
  public var borrowsTokenizer: Bool { false }
}

/// A Hugging Face folder: `config.json`, safetensors (sharded or not), `tokenizer.json`, chat template. Its matrices may
/// be in NF4, as `motet quantize` and transformers with bitsandbytes write them.
public struct HuggingFaceFolder: ModelSource {
  public let configuration: ModelConfiguration
  public let path: String
  private let folder: URL
  private let tensors: ShardedSafetensors
  /// What ``tableFile`` holds, where there is one.
  private let beside: SafetensorsFile?
  public let notes: [String]

  /// - Parameter note: what was chosen when it was looked for, for ``notes``
  public init(_ folder: URL, note: String? = nil) throws {
    self.folder = folder
    path = folder.path
    var configuration = try ModelConfiguration(huggingFace: folder.appending(path: "config.json"))
    tensors = try ShardedSafetensors(folder: folder)
    notes = try [note].compactMap(\.self) + Self.settleHead(&configuration, tensors, folder)
    self.configuration = configuration
    let tables = folder.appending(path: Self.tableFile)
    let isThere = FileManager.default.fileExists(atPath: tables.path)
    beside = isThere ? try SafetensorsFile(contentsOf: tables) : nil
    if beside == nil, tensors.metadata[Self.tableKey] != nil {
      throw FormatError.unreadable(
        file: tables.path,
        reason: "the model is incomplete without it: quantize it again, or copy all its files")
    }
  }

  /// A head of its own in the file counts, whatever `config.json` says, as in transformers 5 and llama.cpp; one that is
  /// the embedding again is the embedding.
  /// - Throws: ``ModelError/noHead(path:)`` when there is none and the configuration does not tie it
  private static func settleHead(
    _ configuration: inout ModelConfiguration, _ tensors: ShardedSafetensors, _ folder: URL
  ) throws -> [String] {
    let (head, embedding) = (TensorInventory.head, TensorInventory.embedding)
    guard tensors.contains(head) else {
      guard configuration.tieWordEmbeddings else { throw ModelError.noHead(path: folder.path) }
      return []
    }
    guard configuration.tieWordEmbeddings, tensors.contains(embedding) else { return [] }
    let isSame = try tensors.tensor(head).holdsSame(as: tensors.tensor(embedding))
    configuration.tieWordEmbeddings = isSame
    return isSame
      ? []
      : [
        "\(folder.path): config.json ties the head to the embedding, and \(head) holds other values: those are used"
      ]
  }

  public var tensorNames: [String] { tensors.names }

  public func floats(_ name: String) throws -> [Float] {
    try nf4(name)?.floats() ?? tensors.tensor(name).floats()
  }

  public func shape(_ name: String) throws -> [Int] {
    tensors.isNF4(name) ? try tensors.nf4Shape(name) : try tensors.tensor(name).shape
  }

  public func contains(_ name: String) -> Bool { tensors.contains(name) }

  public var storedPrecision: Precision? { tensors.names.contains(where: tensors.isNF4) ? .nf4 : nil }

  public func nf4(_ name: String) throws -> NF4Matrix? {
    guard tensors.isNF4(name) else { return nil }
    return try matrix(name, in: tensors)
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

  public func template() throws -> ChatTemplate { try ChatTemplate(huggingFace: folder) }

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

/// One GGUF file of the llama architecture.
///
/// llama.cpp reorders the rows of q and k so that rotated pairs are neighbours; they are put back here, since
/// adapters are trained in Hugging Face's layout.
public struct GGUFModel: ModelSource {
  public let configuration: ModelConfiguration
  public let path: String
  public let notes: [String]
  private let file: GGUFFile

  /// - Parameter note: what was chosen when it was looked for, for ``notes``
  public init(_ url: URL, note: String? = nil) throws {
    notes = [note].compactMap(\.self)
    file = try GGUFFile(contentsOf: url)
    path = url.path
    configuration = try ModelConfiguration(gguf: file)
  }

  public func contains(_ name: String) -> Bool { Self.ggufName(name).map(file.contains) ?? false }

  /// Stored frequencies are checked with the configuration: see ``ModelConfiguration/init(gguf:)``.
  public var tensorNames: [String] {
    let known = TensorInventory(configuration).tensors.map(\.name) + [TensorInventory.head]
    let names = Dictionary(
      known.compactMap { name in Self.ggufName(name).map { ($0, name) } },
      uniquingKeysWith: { first, _ in first })
    return file.names.filter { !$0.hasPrefix("rope_") }.map { names[$0] ?? $0 }
  }

  public func shape(_ name: String) throws -> [Int] { try tensor(name).shape }

  public func floats(_ name: String) throws -> [Float] {
    let values = try tensor(name).floats()
    if name.hasSuffix("q_proj.weight") { return unpermuted(values, heads: configuration.heads) }
    if name.hasSuffix("k_proj.weight") { return unpermuted(values, heads: configuration.kvHeads) }
    return values
  }

  public func stored(_ name: String) throws -> StoredBlocks? {
    let tensor = try tensor(name)
    guard let kind = tensor.type.blockKind, tensor.shape.count == 2 else { return nil }
    var rows: [Int64]?
    for (suffix, heads) in [("q_proj", configuration.heads), ("k_proj", configuration.kvHeads)] {
      guard name.hasSuffix("\(suffix).weight") else { continue }
      rows = try unpermutedRows(tensor, heads: heads)
    }
    return StoredBlocks(
      kind: kind, outputs: tensor.shape[0], inputs: tensor.shape[1], bytes: try tensor.bytes(), rows: rows)
  }

  /// Which row of the file is each output of a matrix whose rows llama.cpp reordered.
  private func unpermutedRows(_ tensor: StoredTensor, heads: Int) throws -> [Int64] {
    let half = configuration.headDimension / 2
    guard tensor.shape[0] == heads * 2 * half else {
      throw ModelError.wrongShape(
        name: tensor.name, shape: tensor.shape, expected: [heads * 2 * half, tensor.shape[1]], path: path)
    }
    return (0..<tensor.shape[0]).map { row in
      let (head, place) = row.quotientAndRemainder(dividingBy: 2 * half)
      return Int64((head * half + place % half) * 2 + place / half)
    }
  }

  public func tokenizer() throws -> Tokenizer { try Tokenizer(gguf: file) }
  public func template() throws -> ChatTemplate { try ChatTemplate(gguf: file) }

  /// Made from the metadata.
  public func companions() throws -> [String: Data] {
    let tokenizer = try tokenizer()
    let beside = try tokenizer.configurationJSON(
      chatTemplate: file.metadata["tokenizer.chat_template"]?.string, pad: configuration.padToken,
      maximumLength: configuration.maximumPositions)
    return [
      "tokenizer.json": try tokenizer.tokenizerJSON(), "tokenizer_config.json": beside.configuration,
      "special_tokens_map.json": beside.specialTokens,
      "generation_config.json": configuration.generationJSON(),
    ]
  }

  private func tensor(_ name: String) throws -> StoredTensor {
    guard let own = Self.ggufName(name), file.contains(own) else {
      throw ModelError.missingTensor(name: Self.ggufName(name) ?? name, path: path)
    }
    return try file.tensor(own)
  }

  /// Rows (head, pair, half) back to (head, half, pair).
  private func unpermuted(_ values: [Float], heads: Int) -> [Float] {
    let inputs = configuration.hiddenSize
    let half = configuration.headDimension / 2
    guard values.count == heads * 2 * half * inputs else { return values }
    return [Float](unsafeUninitializedCapacity: values.count) { target, count in
      values.withUnsafeBufferPointer { source in
        for head in 0..<heads {
          for side in 0..<2 {
            for pair in 0..<half {
              let to = ((head * 2 + side) * half + pair) * inputs
              let from = ((head * half + pair) * 2 + side) * inputs
              for j in 0..<inputs { target[to + j] = source[from + j] }
            }
          }
        }
      }
      count = values.count
    }
  }

  private static let layerNames = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
  ]

  static func ggufName(_ name: String) -> String? {
    switch name {
    case "model.embed_tokens.weight": return "token_embd.weight"
    case "model.norm.weight": return "output_norm.weight"
    case "lm_head.weight": return "output.weight"
    default: break
    }
    let parts = name.split(separator: ".")
    guard parts.count >= 5, parts[0] == "model", parts[1] == "layers" else { return nil }
    return layerNames[parts[3..<parts.count - 1].joined(separator: ".")].map {
      "blk.\(parts[2]).\($0).weight"
    }
  }
}

extension ElementType {
  /// The blocks that are multiplied as they are; nil for other types.
  fileprivate var blockKind: StoredBlocks.Kind? {
    switch self {
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .q5_0: .q5_0
    case .q5_1: .q5_1
    case .q8_0: .q8_0
    default: nil
    }
  }
}
