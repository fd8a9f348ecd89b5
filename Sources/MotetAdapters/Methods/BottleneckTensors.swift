import MotetModels
import MotetTensor

/// The tensors of bottleneck modules by their names, `layers.3.attention.down.weight`, checked against one another.
struct BottleneckTensors {
  /// After which sublayer a module stands.
  enum Place: String, CaseIterable {
    case attention
    case feedForward = "feed_forward"
  }

  enum Part: String, CaseIterable {
    case down = "down.weight"
    case downBias = "down.bias"
    case up = "up.weight"
    case upBias = "up.bias"

    var isBias: Bool { self == .downBias || self == .upBias }

    func shape(size: Int, hidden: Int) -> [Int] {
      switch self {
      case .down: [size, hidden]
      case .downBias: [size]
      case .up: [hidden, size]
      case .upBias: [hidden]
      }
    }
  }

  static func name(_ layer: Int, _ place: Place, _ part: Part) -> String {
    "layers.\(layer).\(place.rawValue).\(part.rawValue)"
  }

  let activation: Bottleneck.Activation
  /// Those that have modules, ascending.
  let layers: [Int]
  let size: Int
  let hidden: Int
  private let tensors: [String: HostTensor]

  /// - Throws: ``BottleneckError``
  init(_ weights: AdapterWeights) throws {
    let name = weights.content?.settings["activation"] ?? ""
    guard let activation = Bottleneck.Activation(rawValue: name) else {
      throw BottleneckError.activation(name)
    }
    try self.init(weights.content?.tensors ?? [:], activation: activation)
  }

  /// - Throws: ``BottleneckError`` for a module that is not whole or not of the others' shape
  init(_ tensors: [String: HostTensor], activation: Bottleneck.Activation) throws {
    let numbers = Set(
      tensors.keys.compactMap { name -> Int? in
        let words = name.split(separator: ".")
        return words.count == 5 && words[0] == "layers" ? Int(words[1]) : nil
      })
    layers = numbers.sorted()
    let first = layers.first.flatMap { tensors[Self.name($0, .attention, .down)] }
    guard let shape = first?.shape, shape.count == 2, shape[0] > 0, shape[1] > 0 else {
      throw BottleneckError.missing(Self.name(layers.first ?? 0, .attention, .down))
    }
    (size, hidden) = (shape[0], shape[1])
    var known = Set<String>()
    for layer in layers {
      for place in Place.allCases {
        for part in Part.allCases {
          let name = Self.name(layer, place, part)
          guard let tensor = tensors[name] else { throw BottleneckError.missing(name) }
          let wanted = part.shape(size: size, hidden: hidden)
          guard tensor.shape == wanted else {
            throw BottleneckError.shape(name, tensor.shape, expected: wanted)
          }
          known.insert(name)
        }
      }
    }
    if let stray = tensors.keys.sorted().first(where: { !known.contains($0) }) {
      throw BottleneckError.unknown(stray)
    }
    self.activation = activation
    self.tensors = tensors
  }

  var sorted: [(name: String, tensor: HostTensor)] {
    tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The modules in place, and their tensors in the order of layers.
  /// - Returns: by layer of the base as far as there are modules
  @Compute
  func bound(trainable: Bool) throws -> (layers: [LayerBottlenecks?], entries: [TrainableTensors.Entry]) {
    var entries: [TrainableTensors.Entry] = []
    func parameter(_ layer: Int, _ place: Place, _ part: Part) throws -> Parameter {
      let name = Self.name(layer, place, part)
      guard let tensor = tensors[name] else { throw BottleneckError.missing(name) }
      let parameter = Parameter(
        rows: part.isBias ? 1 : tensor.shape[0], columns: tensor.shape.last ?? 0, tensor.values,
        trainable: trainable)
      entries.append(.init(name: name, shape: tensor.shape, parameter))
      return parameter
    }
    func module(_ layer: Int, _ place: Place) throws -> Bottleneck {
      Bottleneck(
        down: try parameter(layer, place, .down), downBias: try parameter(layer, place, .downBias),
        up: try parameter(layer, place, .up), upBias: try parameter(layer, place, .upBias),
        activation: activation)
    }
    var result = [LayerBottlenecks?](repeating: nil, count: (layers.last ?? -1) + 1)
    for layer in layers {
      result[layer] = LayerBottlenecks(
        attention: try module(layer, .attention), feedForward: try module(layer, .feedForward))
    }
    return (result, entries)
  }
}

/// What can be wrong with the tensors of bottleneck modules.
public enum BottleneckError: Error, Equatable, CustomStringConvertible {
  case activation(String)
  case missing(String)
  case unknown(String)
  case shape(String, [Int], expected: [Int])

  public var description: String {
    switch self {
    case .activation(let name): "the activation \"\(name)\" is neither gelu nor relu"
    case .missing(let name): "there is no tensor \(name)"
    case .unknown(let name): "the tensor \(name) is no part of a bottleneck module"
    case .shape(let name, let shape, let expected):
      "\(name) is \(shape), where the others ask for \(expected)"
    }
  }
}
