import Foundation
import MotetFormats
import MotetModels
import MotetTensor
import MotetTokenizers

/// A model of a known shape with random weights, made as they are asked for: how a size trains can be measured
/// without having such a model. Its tokenizer is another model's; its words mean nothing.
public struct SyntheticModel: ModelSource {
  /// Shapes of published models.
  public enum Shape: String, Sendable, CaseIterable {
    /// SmolLM2-135M.
    case small = "135m"
    /// TinyLlama-1.1B.
    case large = "1.1b"

    func model() throws -> ModelDescription {
      var members: [String: JSONValue] = [
        "model_type": .string("llama"), "architectures": .array([.string("LlamaForCausalLM")]),
      ]
      func set(_ sizes: [String: Int]) { members.merge(sizes.mapValues { .int($0) }) { _, new in new } }
      switch self {
      case .small:
        set([
          "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
          "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152,
          "rope_theta": 100_000, "max_position_embeddings": 8192,
        ])
      case .large:
        set([
          "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
          "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 32000,
          "rope_theta": 10_000, "max_position_embeddings": 2048,
        ])
      }
      members["rms_norm_eps"] = .double(1e-5)
      members["tie_word_embeddings"] = .bool(self == .small)
      return try ModelDescription(ConfigurationFields(file: "synthetic \(rawValue)", members: members))
    }
  }

  public let model: ModelDescription
  public let path: String
  private let tensors: TensorInventory
  private let words: any ModelSource

  /// - Parameter words: the model whose tokenizer and chat template it borrows
  public init(_ shape: Shape, words: any ModelSource) throws {
    model = try shape.model()
    tensors = TensorInventory(model)
    path = "synthetic \(shape.rawValue)"
    self.words = words
  }

  /// Uniform with σ = 1/√inputs; a norm's weights are 1. A name's values are always the same.
  public func floats(_ name: String) throws -> [Float] {
    let shape = try shape(name)
    guard shape.count == 2 else { return [Float](repeating: 1, count: shape[0]) }
    let width = (12 / Double(shape[1])).squareRoot()
    var generator = SeededGenerator(seed: 0, for: name)
    return [Float](unsafeUninitializedCapacity: shape[0] * shape[1]) { values, count in
      for index in values.indices { values[index] = Float((generator.uniform() - 0.5) * width) }
      count = shape[0] * shape[1]
    }
  }

  public func shape(_ name: String) throws -> [Int] {
    guard let tensor = tensors[name] else { throw ModelError.missingTensor(name: name, path: path) }
    return tensor.shape
  }

  public func contains(_ name: String) -> Bool { tensors[name] != nil }
  public var borrowsTokenizer: Bool { true }
  public func tokenizer() throws -> Tokenizer { try words.tokenizer() }
  public func template() throws -> ChatTemplate? { try words.template() }
  public func companions() throws -> [String: Data] { [:] }
}
