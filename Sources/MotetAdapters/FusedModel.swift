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
    self.mix = mix.expanded
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
  /// - Throws: `ModelFolderError`, ``FuseError``, `FormatError` or `CancellationError`
  public func write(
    to folder: URL, type: ElementType = .f32, overwriting: Bool = false,
    onTensor: (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) throws {
    try mix.require(.fuse)
    try withoutActuallyEscaping(onTensor) { onTensor in
      try ModelFolder(folder, overwriting: overwriting).write(
        configuration.huggingFaceJSON(type: type), from: base.source
      ) {
        try tensors(type: type, onTensor: onTensor)
      }
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
      // A tied head is the embedding.
      let stored = source.contains(name) ? name : "model.embed_tokens.weight"
      return SafetensorsWriter.Tensor(name: name, shape: try source.shape(stored), type: type) {
        try Task.checkCancellation()
        var values = try source.floats(stored)
        if let site = sites[name] {
          values = try Fuse.fused(base: values, site, mix)
        } else {
          for term in mix.terms {
            let weights = term.adapter.weights
            values = weights.method.replaced(weights, tensor: name) ?? values
          }
          if name == Self.head { values = try withHeadUpdates(values) }
        }
        done += 1
        onTensor(done, names.count)
        return values
      }
    }
  }

  private static let head = "lm_head.weight"

  /// Whether the written model ties its head to the embedding: a head that the mix changes is a tensor of its own.
  private var configuration: ModelConfiguration {
    var configuration = base.configuration
    if changesHead { configuration.tieWordEmbeddings = false }
    return configuration
  }

  private var changesHead: Bool {
    mix.terms.contains { $0.adapter.weights.sites[AdapterWeights.head] != nil }
  }

  private func withHeadUpdates(_ values: [Float]) throws -> [Float] {
    let updates = mix.terms.compactMap { term in
      term.adapter.weights.sites[AdapterWeights.head].map { (weights: $0, weight: term.weight) }
    }
    return try Fuse.fused(
      base: values, outputs: base.configuration.vocabulary, inputs: base.configuration.hiddenSize,
      adding: updates, site: AdapterWeights.head)
  }

  private var tensorNames: [String] {
    TensorInventory(configuration).tensors.map(\.name)
  }
}
