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
        model.huggingFaceJSON(type: type), from: base.source
      ) {
        try tensors(type: type, onTensor: onTensor)
      }
    }
  }

  /// What is written, in the order of the model.
  private func tensors(
    type: ElementType, onTensor: @escaping (Int, Int) -> Void
  ) throws -> [SafetensorsWriter.Tensor] {
    let tensors = model.tensors
    let sites = Dictionary(uniqueKeysWithValues: base.sites.map { (base.model.weightName(at: $0), $0) })
    let biases = Dictionary(uniqueKeysWithValues: base.sites.map { (base.model.biasName(at: $0), $0) })
    var done = 0
    return tensors.map { tensor in
      SafetensorsWriter.Tensor(name: tensor.name, shape: tensor.shape, type: type) {
        try Task.checkCancellation()
        var values = try base.source.floats(base.model.storedName(of: tensor.name))
        if let own = replaced(tensor.name) {
          values = own
        } else if let site = sites[tensor.name] {
          if tensor.isTransposed { values = values.transposed(rows: site.inputs) }
          values = try Fuse.fused(base: values, site, mix)
          if tensor.isTransposed { values = values.transposed(rows: site.outputs) }
        } else if let site = biases[tensor.name] {
          values = try Fuse.fused(bias: values, site, mix)
        } else if tensor.role == .head {
          values = try withHeadUpdates(values)
        }
        done += 1
        onTensor(done, tensors.count)
        return values
      }
    }
  }

  /// What is written: a head that the mix changes is a tensor of its own.
  private var model: ModelDescription {
    var model = base.model
    if changesHead { model.configuration.tieWordEmbeddings = false }
    return model
  }

  /// What an adapter of whole weights has for a tensor.
  private func replaced(_ tensor: String) -> [Float]? {
    mix.terms.lazy.compactMap { $0.adapter.weights.method.replaced($0.adapter.weights, tensor: tensor) }.last
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
}
