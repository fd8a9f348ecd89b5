/// A linear layer of a model: its name, what it does, and its shape.
public struct LinearBlock: Sendable, Equatable {
  /// What the layer computes: quantization and costs go by it, whatever the family calls the module.
  public enum Kind: Sendable, Equatable {
    case query, key, value, queryKeyValue, attentionOutput
    case gate, up, gateUp, down
  }

  /// The module's name in the family's files: `model.layers.3.self_attn.q_proj`.
  public let module: String
  public let kind: Kind
  public let outputs: Int
  public let inputs: Int
  /// Whether a vector of `outputs` is added.
  public var hasBias = false
  /// Whether files hold the matrix as `[inputs, outputs]`, as GPT-2's Conv1D does.
  public var isTransposed = false

  public init(
    _ module: String, _ kind: Kind, outputs: Int, inputs: Int, hasBias: Bool = false,
    isTransposed: Bool = false
  ) {
    self.module = module
    self.kind = kind
    self.outputs = outputs
    self.inputs = inputs
    self.hasBias = hasBias
    self.isTransposed = isTransposed
  }

  /// The shape of its matrix in a file.
  public var storedShape: [Int] { isTransposed ? [inputs, outputs] : [outputs, inputs] }
}

/// A norm of a model.
public struct NormBlock: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// Zhang and Sennrich 2019, arXiv 1910.07467.
    case rms
    /// Ba et al. 2016, arXiv 1607.06450.
    case layer
  }

  /// `model.layers.3.input_layernorm`
  public let module: String
  public let kind: Kind
  public let width: Int
  public let epsilon: Double
  /// Added to the weight of the file: Gemma stores how far a weight is from 1.
  public var offset: Float = 0
  public var hasBias = false

  public init(
    _ module: String, _ kind: Kind = .rms, width: Int, epsilon: Double, offset: Float = 0,
    hasBias: Bool = false
  ) {
    self.module = module
    self.kind = kind
    self.width = width
    self.epsilon = epsilon
    self.offset = offset
    self.hasBias = hasBias
  }
}
