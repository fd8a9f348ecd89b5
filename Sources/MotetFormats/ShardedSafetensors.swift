import Foundation

/// The safetensors of a Hugging Face model folder: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` names.
public struct ShardedSafetensors: TensorSource {
  /// The names, sorted.
  public let names: [String]
  /// The headers' `__metadata__`; of what several shards say, the first.
  public let metadata: [String: String]
  private let shards: [SafetensorsFile]
  private let shardOfName: [String: Int]
  private let path: String

  static let maximumShards = 4096

  /// Opens the model in `folder`. Shards must lie in the folder itself. Throws ``FormatError``.
  public init(folder: URL) throws {
    let single = folder.appendingPathComponent("model.safetensors")
    let index = folder.appendingPathComponent("model.safetensors.index.json")
    if FileManager.default.fileExists(atPath: single.path) {
      let file = try SafetensorsFile(contentsOf: single)
      path = single.path
      names = file.names
      metadata = file.metadata
      shards = [file]
      shardOfName = Dictionary(uniqueKeysWithValues: file.names.map { ($0, 0) })
    } else if FileManager.default.fileExists(atPath: index.path) {
      path = index.path
      (shards, shardOfName) = try Self.open(index, in: folder)
      names = shardOfName.keys.sorted()
      metadata = shards.reduce(into: [:]) { all, shard in all.merge(shard.metadata) { first, _ in first } }
    } else {
      throw FormatError.unreadable(file: folder.path, reason: Self.absence(in: folder))
    }
  }

  public func tensor(_ name: String) throws -> StoredTensor {
    guard let shard = shardOfName[name] else { throw FormatError.noSuchTensor(file: path, name: name) }
    return try shards[shard].tensor(name)
  }

  public func contains(_ name: String) -> Bool { shardOfName[name] != nil }

  private static func open(
    _ index: URL, in folder: URL
  ) throws -> (shards: [SafetensorsFile], shardOfName: [String: Int]) {
    func broken(_ problem: String) -> FormatError {
      .malformed(
        file: index.path, place: "weight_map", problem: problem,
        mend: "fetch the model's folder again, with all its shards")
    }
    let root = try JSONValue.object(contentsOf: index, limit: 64 << 20)
    guard case .object(let map)? = root["weight_map"] else { throw broken("it is missing") }
    let missing = Set(map.values.compactMap(\.stringValue)).filter { shard in
      isPlainName(shard)
        && !FileManager.default.fileExists(atPath: folder.appendingPathComponent(shard).path)
    }.sorted()
    guard missing.isEmpty else {
      throw broken(
        "of the files it names there is no \(FolderContents.list(missing))"
          + (FolderContents.unfinished(in: folder).map { " (\(quoted($0)) is a download that has not ended)" }
            ?? ""))
    }
    var shards: [SafetensorsFile] = []
    var numbers: [String: Int] = [:]
    var shardOfName: [String: Int] = [:]
    for (name, value) in map.sorted(by: { $0.key < $1.key }) {
      guard let shard = value.stringValue, isPlainName(shard) else {
        throw broken("tensor \(quoted(name)) is not given the plain name of a file in this folder")
      }
      if numbers[shard] == nil {
        guard shards.count < maximumShards else { throw broken("it names more than \(maximumShards) shards") }
        numbers[shard] = shards.count
        shards.append(try SafetensorsFile(contentsOf: folder.appendingPathComponent(shard)))
      }
      guard let number = numbers[shard], shards[number].contains(name) else {
        throw broken("tensor \(quoted(name)) is not in the shard \(quoted(shard))")
      }
      shardOfName[name] = number
    }
    return (shards, shardOfName)
  }

  /// A file's name that cannot lead out of its folder.
  static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 255
      && name.unicodeScalars.allSatisfy { $0 != "/" && $0 != "\\" && $0.value >= 0x20 }
  }

  private static func absence(in folder: URL) -> String {
    let pickled = folder.appendingPathComponent("pytorch_model.bin").path
    if FileManager.default.fileExists(atPath: pickled) {
      return "it holds pytorch_model.bin, a Python pickle, which is not read; "
        + "save the model with transformers' save_pretrained to get model.safetensors"
    }
    let lack = "there is neither model.safetensors nor model.safetensors.index.json"
    if let name = FolderContents.unfinished(in: folder) {
      return "\(lack), and \(quoted(name)) is a download that has not ended; fetch the model again"
    }
    let names = FolderContents.names(in: folder)
    let weights = names.filter { $0.hasSuffix(".safetensors") }
    if weights.contains("adapter_model.safetensors") {
      return "\(lack): it holds an adapter, which is given with --mix; name its base as the model"
    }
    if !weights.isEmpty {
      return
        "\(lack), but \(FolderContents.list(weights)); rename a single file to model.safetensors, or fetch the "
        + "index of several"
    }
    return "\(lack); name the folder of a Hugging Face model, or a GGUF file"
  }
}
