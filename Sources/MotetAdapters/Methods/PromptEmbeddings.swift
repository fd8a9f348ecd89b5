import Foundation
import MotetFormats
import MotetModels

/// The files of soft prompts and prefixes: one tensor `prompt_embeddings`, a row for each virtual token.
///
/// Source: PEFT 0.21, `peft/utils/save_and_load.py` and `peft/config.py`, `PromptLearningConfig`.
enum PromptEmbeddings {
  static let tensor = "prompt_embeddings"

  static func reads(_ members: [String: JSONValue], type: String) -> Bool {
    members["peft_type"]?.stringValue == type
  }

  /// - Parameter width: the values of a virtual token, as far as the configuration says how many
  /// - Throws: `FormatError`
  static func read(
    _ folder: PEFTFolder, method: String, settings: [String: String],
    width: (ConfigurationFields) throws -> Int?
  ) throws -> AdapterWeights {
    let fields = folder.fields
    if let other = folder.names.first(where: { $0 != tensor }) {
      throw FormatError.unsupported(
        file: folder.place.path, place: "tensor \"\(other)\"", feature: "anything but \(tensor)",
        mend: "save the adapter without modules_to_save")
    }
    guard try fields.int("num_transformer_submodules", or: 1) == 1 else {
      throw fields.unsupported(
        "num_transformer_submodules", "a prompt for an encoder beside a decoder",
        mend: "train it with task_type=\"CAUSAL_LM\"")
    }
    let (shape, values) = try folder.tensor(tensor)
    let count = try fields.int("num_virtual_tokens")
    guard shape.count == 2, shape[0] == count, shape[0] > 0, shape[1] > 0 else {
      throw FormatError.malformed(
        file: folder.place.path, place: "tensor \"\(tensor)\"",
        problem: "it is \(shape) for \(count) virtual tokens", mend: "save the adapter again")
    }
    if let width = try width(fields), width != shape[1] {
      throw fields.disagreement(
        "token_dim", "a virtual token has \(width) values by it, and \(shape[1]) in the weights")
    }
    return try AdapterWeights(
      sites: [:], baseModel: try fields.optionalString("base_model_name_or_path"),
      content: MethodContent(
        method: method, settings: settings,
        tensors: [tensor: HostTensor(shape: shape, values, named: tensor)]))
  }

  /// - Parameter members: what the type has in `adapter_config.json` beside the members of all prompts
  /// - Throws: `FormatError/unwritable(file:reason:)`
  static func write(
    _ weights: AdapterWeights, type: String, members: [String: JSONValue], to folder: URL
  ) throws {
    guard let content = weights.content, let stored = content.tensors[tensor] else {
      throw AdapterWeightsError.noSites
    }
    let common: [String: JSONValue] = [
      "peft_type": .string(type), "task_type": .string("CAUSAL_LM"), "inference_mode": .bool(true),
      "auto_mapping": .null, "revision": .null,
      "base_model_name_or_path": weights.baseModel.map { .string($0) } ?? .null,
      "num_virtual_tokens": .int(stored.shape[0]), "num_transformer_submodules": .int(1),
    ]
    try PEFTFolder.write(
      common.merging(members) { $1 },
      [(name: tensor, shape: stored.shape, values: stored.values)], to: folder)
  }

  /// Why the tensor does not fit a base, where a row should have `width` values; nil when it does.
  static func mismatch(_ weights: AdapterWeights, width: Int, of what: String, in base: BaseModel) -> String?
  {
    guard let tensor = weights.content?.tensors[tensor] else { return "it has no \(tensor)" }
    if tensor.shape.last != width {
      return
        "its virtual tokens have \(tensor.shape.last ?? 0) values each, and \(what) of the base has \(width)"
    }
    let context = base.configuration.maximumPositions
    if weights.virtualTokens >= context {
      return "\(ModelError.virtualTokens(weights.virtualTokens, context: context))"
    }
    return nil
  }

  /// The refusals of adapters that are no update of a matrix: all of them.
  static let refusals: [Ability: String] = [
    .blend: "its virtual tokens stand before the sequence whole or not at all: use it alone, with weight 1",
    .merge: "virtual tokens are no update of a matrix: keep it apart and choose it by row",
    .fuse: "virtual tokens are no update of a matrix: generate with it as it is",
  ]
}

extension AdapterWeights {
  /// Positions that it takes of the context before a sequence's first token.
  public var virtualTokens: Int { content?.tensors[PromptEmbeddings.tensor]?.shape.first ?? 0 }
}
