import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// A method that trains a copy of some of the base's weights, begun from those that the base was read from.
///
/// The copy is held in the base's precision, or in bf16 (f32 without units for it) where the base has 8 or 4 bits. It is
/// stored under Hugging Face's names in a folder of our own; `motet fuse` writes the whole model.
package protocol CopyingMethod: StoredMethod {
  /// What of a base is copied.
  func extent(on base: BaseModel) throws -> WeightCopy.Extent
}

extension CopyingMethod {
  public static var refusals: [Ability: String] {
    [
      .blend: "its rows go through weights of their own, not through the base's: use it alone",
      .merge: "it is whole weights and no update of low rank: choose it by row, or fuse it",
    ]
  }

  /// None: it adapts no matrix.
  public func sites(of base: BaseModel) throws -> [AdapterSite] {
    _ = try extent(on: base)
    return []
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    TrainableCopy(
      try WeightCopy(of: base, try extent(on: base), trains: true) { try base.source.floats($0.name) },
      method: Self.name, baseModel: base.name)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    guard let content = weights.content, content.method == Self.name else {
      throw MethodError.otherMethod(adapter: "the adapter", own: weights.method.name, asked: Self.name)
    }
    let copy = try WeightCopy(of: base, Self.extent(of: content, on: base), trains: true) {
      try content.tensors[$0.name]?.values ?? base.source.floats($0.name)
    }
    return TrainableCopy(copy, method: Self.name, baseModel: weights.baseModel)
  }

  @Compute
  public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    guard let content = weights.content else { return AdapterParts() }
    let copy = try WeightCopy(of: base, Self.extent(of: content, on: base), trains: false) {
      try content.tensors[$0.name]?.values ?? base.source.floats($0.name)
    }
    return AdapterParts(copy: copy)
  }

  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? {
    let known = Dictionary(
      uniqueKeysWithValues: base.model.tensors.map { ($0.name, $0.shape) })
    for (name, tensor) in (weights.content?.tensors ?? [:]).sorted(by: { $0.key < $1.key }) {
      guard let shape = known[name] else { return "it has \(name), which the base does not have" }
      if shape != tensor.shape { return "\(name) is \(shape) in the base and \(tensor.shape) in the adapter" }
    }
    return nil
  }

  // MARK: Written into the base

  public static func replaced(_ weights: AdapterWeights, tensor: String) -> [Float]? {
    weights.content?.tensors[tensor]?.values
  }

  /// Which of a base's weights a stored copy has.
  private static func extent(of content: MethodContent, on base: BaseModel) -> WeightCopy.Extent {
    let layers = base.model.tensors.filter { content.tensors[$0.name] != nil }.compactMap(\.layer)
    let range = layers.min().flatMap { first in layers.max().map { first..<$0 + 1 } } ?? 0..<0
    return WeightCopy.Extent(
      layers: range, hasTables: content.tensors[base.model.embeddingName] != nil)
  }

  // MARK: Files

  /// No type of PEFT's, which refuses it by this name.
  private static var type: String { "MOTET_\(name.uppercased())" }

  package static func reads(_ members: [String: JSONValue]) -> Bool {
    members["peft_type"] == .string(type)
  }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    let precision = try folder.fields.string("precision")
    guard let known = Precision(rawValue: precision), known == known.forCopies else {
      throw folder.fields.malformed("precision", "\(precision) is neither f32 nor bf16")
    }
    var tensors: [String: HostTensor] = [:]
    for name in folder.names {
      let (shape, values) = try folder.tensor(name)
      tensors[name] = try HostTensor(shape: shape, values, named: name)
    }
    let content = MethodContent(method: name, settings: ["precision": precision], tensors: tensors)
    guard tensors.keys.contains(where: Self.isOfLayer) else {
      throw FormatError.malformed(
        file: folder.place.path, place: "header", problem: "it holds no tensor of a layer",
        mend: "save the adapter again")
    }
    return try AdapterWeights(
      sites: [:], baseModel: try folder.fields.optionalString("base_model_name_or_path"), content: content)
  }

  /// Whether a number stands in a tensor's name: that of a layer.
  private static func isOfLayer(_ name: String) -> Bool {
    name.split(separator: ".").contains { Int($0) != nil }
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    let precision = weights.content?.settings["precision"] ?? Precision.f32.rawValue
    let tensors = (weights.content?.tensors ?? [:]).sorted { $0.key < $1.key }
    try PEFTFolder.write(
      [
        "peft_type": .string(type), "task_type": .string("CAUSAL_LM"), "inference_mode": .bool(true),
        "base_model_name_or_path": weights.baseModel.map { .string($0) } ?? .null,
        "precision": .string(precision),
      ],
      tensors.map { name, tensor in
        let isNarrow = precision == Precision.bf16.rawValue && tensor.shape.count > 1
        return .init(name: name, shape: tensor.shape, type: isNarrow ? .bf16 : .f32) { tensor.values }
      }, to: folder)
  }
}

/// A copy under training.
@Compute
final class TrainableCopy: TrainableAdapter {
  let mix: BoundMix
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let copy: WeightCopy
  private let method: String
  private let baseModel: String?

  init(_ copy: WeightCopy, method: String, baseModel: String?) {
    self.copy = copy
    self.method = method
    self.baseModel = baseModel
    mix = BoundMix(AdapterParts(copy: copy))
    parameters = copy.parameters
    parameterCount = copy.parameters.reduce(0) { $0 + $1.count }
  }

  func derive() throws { try copy.repack() }

  func weights() throws -> AdapterWeights {
    var tensors: [String: HostTensor] = [:]
    try copy.forEachTensor { entry, values in
      tensors[entry.name] = try HostTensor(shape: entry.shape, values, named: entry.name)
    }
    return try AdapterWeights(
      sites: [:], baseModel: baseModel,
      content: MethodContent(
        method: method, settings: ["precision": copy.precision.rawValue], tensors: tensors))
  }
}
