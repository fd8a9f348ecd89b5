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

    func configuration() throws -> ModelConfiguration {
      switch self {
      case .small:
        try ModelConfiguration(
          hiddenSize: 576, intermediateSize: 1536, layers: 30, heads: 9, kvHeads: 3, headDimension: 64,
          vocabulary: 49152, ropeTheta: 100_000, rmsNormEpsilon: 1e-5, maximumPositions: 8192,
          tieWordEmbeddings: true)
      case .large:
        try ModelConfiguration(
          hiddenSize: 2048, intermediateSize: 5632, layers: 22, heads: 32, kvHeads: 4, headDimension: 64,
          vocabulary: 32000, ropeTheta: 10_000, rmsNormEpsilon: 1e-5, maximumPositions: 2048,
          tieWordEmbeddings: false)
      }
    }
  }

  public let configuration: ModelConfiguration
  public let path: String
  private let words: any ModelSource

  /// - Parameter words: the model whose tokenizer and chat template it borrows
  public init(_ shape: Shape, words: any ModelSource) throws {
    configuration = try shape.configuration()
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
    let c = configuration
    let queries = c.heads * c.headDimension
    let keys = c.kvHeads * c.headDimension
    switch name.split(separator: ".").dropLast().last {
    case "embed_tokens", "lm_head": return [c.vocabulary, c.hiddenSize]
    case "q_proj": return [queries, c.hiddenSize]
    case "k_proj", "v_proj": return [keys, c.hiddenSize]
    case "o_proj": return [c.hiddenSize, queries]
    case "gate_proj", "up_proj": return [c.intermediateSize, c.hiddenSize]
    case "down_proj": return [c.hiddenSize, c.intermediateSize]
    default: return [c.hiddenSize]
    }
  }

  public func contains(_ name: String) -> Bool {
    name != "lm_head.weight" || !configuration.tieWordEmbeddings
  }
  public var borrowsTokenizer: Bool { true }
  public func tokenizer() throws -> Tokenizer { try words.tokenizer() }
  public func template() throws -> ChatTemplate { try words.template() }
  public func companions() throws -> [String: Data] { [:] }
}
