import Foundation
import MotetFormats
import MotetTensor
import MotetTokenizers

/// Where a base model's weights come from, under Hugging Face's names and in its layout.
public protocol ModelSource: Sendable {
  /// What the model is made of.
  var model: ModelDescription { get }
  /// The file or folder.
  var path: String { get }
  /// `model.layers.0.self_attn.q_proj.weight` as f32, row-major `[outputs, inputs]`.
  func floats(_ name: String) throws -> [Float]
  func shape(_ name: String) throws -> [Int]
  func contains(_ name: String) -> Bool
  /// The matrix `name` as it is stored, where that is in NF4; nil where it is not.
  func nf4(_ name: String) throws -> NF4Matrix?
  /// The table `name` as it was rounded to NF4 by its inputs, beside the wide values that ``floats(_:)`` gives; nil
  /// where there is none.
  func nf4Table(_ name: String) throws -> NF4Matrix?
  /// The matrix `name` in the blocks that it is stored in, where those can be multiplied; nil where they cannot.
  func stored(_ name: String) throws -> StoredBlocks?
  /// The tensors that the file or folder holds, by Hugging Face's names; those that it has no name for, by their own.
  var tensorNames: [String] { get }
  /// What was decided while it was opened and the user may not expect, a line each.
  var notes: [String] { get }
  /// Whether the tokenizer is another model's, so that its ids need not fit the embedding.
  var borrowsTokenizer: Bool { get }
  /// What the source's matrices are best held in: nil for what the processor is best at.
  var storedPrecision: Precision? { get }
  func tokenizer() throws -> Tokenizer
  /// nil for a model that has none.
  func template() throws -> ChatTemplate?
  /// What a Hugging Face folder holds beside weights and `config.json`, by file name: the tokenizer, the chat
  /// template, the defaults of generation.
  func companions() throws -> [String: Data]
}

extension ModelSource {
  public var configuration: ModelConfiguration { model.configuration }
  public func nf4(_ name: String) throws -> NF4Matrix? { nil }
  public func nf4Table(_ name: String) throws -> NF4Matrix? { nil }
  public func stored(_ name: String) throws -> StoredBlocks? { nil }
  public var storedPrecision: Precision? { nil }
  public var tensorNames: [String] { [] }
  public var notes: [String] { [] }
  public var borrowsTokenizer: Bool { false }
}
