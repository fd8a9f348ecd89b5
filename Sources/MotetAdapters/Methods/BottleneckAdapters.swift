import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// Small modules after attention and after the feed-forward block of every layer, before their results are added to
/// the residual stream: h + U·f(D·h + b) + c (Houlsby et al. 2019, arXiv 1902.00751, §2.1).
public struct BottleneckAdapters: StoredMethod {
  public static let name = "bottleneck"
  public static let title = "modules of two small matrices after attention and feed-forward"
  public static let source = "Houlsby et al. 2019, arXiv 1902.00751"
  public static let learningRate = 1e-3
  public static let sharedOptions: Set<SharedOption> = [.layers]
  public static let options = [
    MethodOption("bottleneck", "SIZE", "The width of a module's middle (64).", isFixedByContinue: true),
    MethodOption("activation", "gelu|relu", "What stands in it (gelu).", isFixedByContinue: true),
  ]
  public static let refusals: [Ability: String] = [
    .blend:
      "its modules are not linear, so that a part of one, or two at once, is none of them: use it alone",
    .merge: "its modules are not linear, and two of them are no third: choose it by row",
    .fuse: "its modules are not linear and no part of a matrix: generate with it as it is",
  ]

  /// The width of a module's middle.
  public let size: Int
  public let activation: Bottleneck.Activation
  /// nil for all.
  public let layers: ClosedRange<Int>?

  public init(_ settings: MethodSettings) throws {
    size = try settings.integer("bottleneck", or: 64, within: 1...65_536)
    let names = Bottleneck.Activation.allCases.map(\.rawValue)
    activation =
      Bottleneck.Activation(rawValue: try settings.choice("activation", or: "gelu", among: names)) ?? .gelu
    layers = settings.shape.layers
  }

  public var settings: [String: String] {
    [
      "bottleneck": "\(size)", "activation": activation.rawValue, "layers": layers.map { "\($0)" } ?? "all",
    ]
  }
  public var summary: String { "bottleneck, size \(size), \(activation.rawValue)" }

  /// None: it adapts no matrix.
  public func sites(of base: BaseModel) throws -> [AdapterSite] {
    let last = base.configuration.layers - 1
    if let layers, layers.lowerBound < 0 || layers.upperBound > last {
      throw LoRAError.layers(layers, last: last)
    }
    let hidden = base.configuration.hiddenSize
    guard size <= hidden else {
      throw MethodError.option(
        "bottleneck", value: "\(size)", expected: "at most the base's hidden size of \(hidden)")
    }
    return []
  }

  /// Nearly nothing at first: matrices from a normal with σ = 0.01 cut at 2σ, biases of 0 (§3.2 of the paper).
  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    _ = try sites(of: base)
    let hidden = base.configuration.hiddenSize
    var tensors: [String: HostTensor] = [:]
    for layer in layers ?? 0...base.configuration.layers - 1 {
      for place in BottleneckTensors.Place.allCases {
        for part in BottleneckTensors.Part.allCases {
          let name = BottleneckTensors.name(layer, place, part)
          let shape = part.shape(size: size, hidden: hidden)
          var generator = SeededGenerator(seed: seed, for: name)
          let values = (0..<shape.reduce(1, *)).map { _ -> Float in
            part.isBias ? 0 : Float(0.01 * Self.cutNormal(&generator))
          }
          tensors[name] = try HostTensor(shape: shape, values, named: name)
        }
      }
    }
    return try Self.trainable(
      BottleneckTensors(tensors, activation: activation), baseModel: base.name)
  }

  private static func cutNormal(_ generator: inout SeededGenerator) -> Double {
    while true {
      let value = generator.normal()
      if abs(value) <= 2 { return value }
    }
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    guard weights.content?.method == Self.name else {
      throw MethodError.otherMethod(adapter: "the adapter", own: weights.method.name, asked: Self.name)
    }
    return try Self.trainable(BottleneckTensors(weights), baseModel: weights.baseModel)
  }

  @Compute
  private static func trainable(_ tensors: BottleneckTensors, baseModel: String?) throws -> TrainableTensors {
    let (layers, entries) = try tensors.bound(trainable: true)
    return TrainableTensors(
      entries, method: name, settings: ["activation": tensors.activation.rawValue], baseModel: baseModel,
      parts: AdapterParts(bottlenecks: layers))
  }

  @Compute
  public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    AdapterParts(bottlenecks: try BottleneckTensors(weights).bound(trainable: false).layers)
  }

  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? {
    do {
      let tensors = try BottleneckTensors(weights)
      let (layers, hidden) = (base.configuration.layers, base.configuration.hiddenSize)
      if tensors.hidden != hidden {
        return "its modules take \(tensors.hidden) values, and the base's hidden size is \(hidden)"
      }
      if let layer = tensors.layers.last, layer >= layers {
        return "it has a module for layer \(layer), and the base has 0-\(layers - 1)"
      }
      return nil
    } catch { return "\(error)" }
  }

  // MARK: Files

  /// No type of PEFT's, which refuses it by this name.
  private static let type = "MOTET_BOTTLENECK"

  package static func reads(_ members: [String: JSONValue]) -> Bool {
    members["peft_type"]?.stringValue == type
  }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    var tensors: [String: HostTensor] = [:]
    for name in folder.names {
      let (shape, values) = try folder.tensor(name)
      tensors[name] = try HostTensor(shape: shape, values, named: name)
    }
    let weights = try AdapterWeights(
      sites: [:], baseModel: try folder.fields.optionalString("base_model_name_or_path"),
      content: MethodContent(
        method: name, settings: ["activation": try folder.fields.string("activation")], tensors: tensors))
    do {
      let size = try BottleneckTensors(weights).size
      guard try folder.fields.int("bottleneck_size", or: size) == size else {
        throw folder.fields.disagreement("bottleneck_size", "the modules in the weights are \(size) wide")
      }
    } catch let error as BottleneckError {
      throw FormatError.malformed(
        file: folder.place.path, place: "its tensors", problem: "\(error)", mend: "save the adapter again")
    }
    return weights
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    let tensors = try BottleneckTensors(weights)
    try PEFTFolder.write(
      [
        "peft_type": .string(type), "task_type": .string("CAUSAL_LM"), "inference_mode": .bool(true),
        "base_model_name_or_path": weights.baseModel.map { .string($0) } ?? .null,
        "bottleneck_size": .int(tensors.size), "activation": .string(tensors.activation.rawValue),
      ],
      tensors.sorted.map { ($0.name, $0.tensor.shape, $0.tensor.values) }, to: folder)
  }
}
