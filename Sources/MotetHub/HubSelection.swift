import Foundation
import MotetFormats

/// The files of a repository that a model needs.
struct HubSelection: Sendable {
  enum Kind: Sendable { case model, adapter, gguf }

  let kind: Kind
  var files: [HubFile]
  /// The index that names the weights, which are not among ``files`` yet; nil if they are.
  var index: HubFile?
  /// The GGUF file to open, from the repository's root.
  var gguf: String?

  static let indexName = "model.safetensors.index.json"
  private static let adapterNames = ["adapter_config.json", "adapter_model.safetensors"]
  /// What stands beside weights.
  private static let companions: Set<String> = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "spiece.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt", "merges.txt",
    "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json",
  ]
  private static let pickles = [".bin", ".pt", ".pth", ".ckpt", ".pkl"]

  /// - Parameter pattern: chooses a GGUF file, by its name
  /// - Throws: ``HubError`` for a repository without a model that Motet reads, or with several
  init(_ listing: HubListing, of repository: String, gguf pattern: String?) throws {
    if let pattern {
      self.init(try GGUFChoice.one(pattern, in: listing, of: repository))
      return
    }
    let root = listing.files.filter { !$0.path.contains("/") }
    let companions = root.filter { Self.companions.contains($0.path) }
    if let index = listing.file(Self.indexName) {
      try Self.requireConfiguration(listing, repository)
      self.init(kind: .model, files: companions + [index], index: index)
      return
    }
    let adapter = Self.adapterNames.compactMap(listing.file)
    let weights = Self.weights(root)
    if weights.isEmpty, adapter.count == Self.adapterNames.count {
      self.init(kind: .adapter, files: companions + adapter)
      return
    }
    if !weights.isEmpty {
      try Self.requireConfiguration(listing, repository)
      self.init(kind: .model, files: companions + weights)
      return
    }
    self.init(try Self.onlyGGUF(listing, repository))
  }

  private init(kind: Kind, files: [HubFile], index: HubFile? = nil, gguf: String? = nil) {
    (self.kind, self.files, self.index, self.gguf) = (kind, files, index, gguf)
  }

  private init(_ choice: GGUFChoice) {
    self.init(kind: .gguf, files: choice.files, gguf: choice.path)
  }

  /// The weights that the index names, in place of all others.
  /// - Parameter names: from the index
  /// - Throws: ``HubError/missingShards(repository:names:)``
  static func shards(_ names: [String], in listing: HubListing, of repository: String) throws -> [HubFile] {
    let names = Set(names).sorted()
    let files = names.compactMap { listing.file($0) }
    guard files.count == names.count else {
      let missing = names.filter { listing.file($0) == nil }
      throw HubError.missingShards(repository: repository, names: missing)
    }
    return files
  }

  /// Of a repository without an index: `model.safetensors`, else what is called like a part of it, else all but a second
  /// copy.
  private static func weights(_ root: [HubFile]) -> [HubFile] {
    let all = root.filter { $0.path.hasSuffix(".safetensors") && $0.path != adapterNames[1] }
    if let single = all.first(where: { $0.path == "model.safetensors" }) { return [single] }
    for isWanted in [
      { (path: String) in path.hasPrefix("model-") }, { $0.hasPrefix("model") },
      { !$0.hasPrefix("consolidated") }, { _ in true },
    ] {
      let wanted = all.filter { isWanted($0.path) }
      if !wanted.isEmpty { return wanted }
    }
    return []
  }

  private static func onlyGGUF(_ listing: HubListing, _ repository: String) throws -> GGUFChoice {
    let choices = GGUFChoice.all(in: listing)
    guard let only = choices.first else {
      let pickle = listing.files.first { file in pickles.contains { file.path.lowercased().hasSuffix($0) } }
      if let pickle { throw HubError.onlyPickles(repository: repository, file: pickle.path) }
      throw HubError.noWeights(repository: repository, found: listing.files.map(\.path))
    }
    guard choices.count == 1 else {
      throw HubError.severalGGUF(repository: repository, names: choices.map(\.label))
    }
    return try only.whole(in: repository)
  }

  private static func requireConfiguration(_ listing: HubListing, _ repository: String) throws {
    guard listing.file("config.json") != nil else { throw HubError.noConfiguration(repository: repository) }
  }
}
