import MotetFormats

/// A tensor that a model's files hold.
public struct TensorSpec: Sendable, Equatable {
  public enum Role: Sendable, Equatable {
    case embedding
    case positions
    /// The matrix of a linear layer that adapters can add to.
    case linear(LinearBlock.Kind)
    /// What a linear layer or a norm adds.
    case bias
    case norm
    case head
  }

  /// `model.layers.3.self_attn.q_proj.weight`
  public let name: String
  /// As the file holds it: `[outputs, inputs]`, or `[inputs, outputs]` where it is transposed.
  public let shape: [Int]
  public let role: Role
  public let layer: Int?
  /// Whether it is a matrix that the file holds as `[inputs, outputs]`.
  public var isTransposed = false

  public var count: Int { shape.reduce(1, *) }

  /// The module that it belongs to: the name without `.weight` or `.bias`.
  public var module: String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name }
}

extension LinearBlock {
  var weightName: String { module + ".weight" }
  var biasName: String { module + ".bias" }

  func tensors(layer: Int?) -> [TensorSpec] {
    let weight = TensorSpec(
      name: weightName, shape: storedShape, role: .linear(kind), layer: layer, isTransposed: isTransposed)
    return hasBias
      ? [weight, TensorSpec(name: biasName, shape: [outputs], role: .bias, layer: layer)] : [weight]
  }
}

extension NormBlock {
  var weightName: String { module + ".weight" }
  var biasName: String { module + ".bias" }

  func tensors(layer: Int?) -> [TensorSpec] {
    let weight = TensorSpec(name: weightName, shape: [width], role: .norm, layer: layer)
    return hasBias
      ? [weight, TensorSpec(name: biasName, shape: [width], role: .bias, layer: layer)] : [weight]
  }
}

extension LayerBlock {
  func tensors(layer: Int) -> [TensorSpec] {
    func own(_ norm: NormBlock?) -> [TensorSpec] { norm?.tensors(layer: layer) ?? [] }
    let (a, f) = (attention, feedForward)
    return own(a.before) + a.input.flatMap { $0.tensors(layer: layer) } + own(a.queryNorm)
      + own(a.keyNorm) + a.output.tensors(layer: layer) + own(a.after) + own(f.before)
      + f.input.flatMap { $0.tensors(layer: layer) } + f.output.tensors(layer: layer) + own(f.after)
  }
}

extension ModelDescription {
  /// The place of a linear layer as adapters name it: `layers.3.self_attn.q_proj`.
  func path(of linear: LinearBlock) -> String { ModulePath.path(of: linear.module) }

  /// The tensor of a site's matrix: `model.layers.3.self_attn.q_proj.weight`.
  public func weightName(at site: AdapterSite) -> String { ModulePath.module(of: site.path) + ".weight" }

  /// The tensor of what a site's layer adds, where it adds something.
  public func biasName(at site: AdapterSite) -> String { ModulePath.module(of: site.path) + ".bias" }

  /// The tensor that one of the model's is read from: of a tied head, the embedding.
  public func storedName(of name: String) -> String { name == headName ? headSource : name }

  public var embeddingName: String { embedding.module + ".weight" }
  public var headName: String { head.module + ".weight" }
  /// The tensor that the head's matrix is read from: the embedding, where they are tied.
  public var headSource: String { configuration.tieWordEmbeddings ? embeddingName : headName }

  /// Every tensor that the model has, in the order of the model: embedding, layers, final norm, head. A tied head has
  /// none of its own.
  public var tensors: [TensorSpec] {
    let table = [configuration.vocabulary, configuration.hiddenSize]
    var result = [TensorSpec(name: embeddingName, shape: table, role: .embedding, layer: nil)]
    if let positions = embedding.positions {
      result.append(
        TensorSpec(
          name: positions.module + ".weight", shape: [positions.count, configuration.hiddenSize],
          role: .positions, layer: nil))
    }
    for (index, layer) in layers.enumerated() { result += layer.tensors(layer: index) }
    result += finalNorm.tensors(layer: nil)
    if !configuration.tieWordEmbeddings {
      result.append(TensorSpec(name: headName, shape: table, role: .head, layer: nil))
    }
    return result
  }
}
