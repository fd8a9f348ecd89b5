import MotetModels
import MotetTokenizers

/// Makes token sequences of rows; all it needs of a base model is here, so that data can be looked at without
/// loading weights.
public struct RowEncoder: Sendable {
  public let tokenizer: Tokenizer
  public let template: ChatTemplate
  /// Tokens the model has positions for.
  public let contextLength: Int

  public init(tokenizer: Tokenizer, template: ChatTemplate, contextLength: Int) {
    self.tokenizer = tokenizer
    self.template = template
    self.contextLength = contextLength
  }

  public init(_ base: BaseModel) {
    self.init(
      tokenizer: base.tokenizer, template: base.template,
      contextLength: base.configuration.maximumPositions)
  }

  /// Of a model that is not loaded.
  public init(_ source: any ModelSource) throws {
    self.init(
      tokenizer: try source.tokenizer(), template: try source.template(),
      contextLength: source.configuration.maximumPositions)
  }

  /// The row's tokens and labels, and how many tokens were cut off.
  /// - Parameter maximumLength: longer rows lose their end; nil refuses rows longer than the context
  /// - Throws: ``DatasetError/tooLong(file:line:tokens:limit:)``, ``DatasetError/nothingToLearn(file:line:)``
  func encode(
    _ row: DatasetRow, maximumLength: Int?, file: String
  ) throws -> (example: Example, cut: Int) {
    let limit = maximumLength ?? contextLength
    var tokens: [Int32]
    var labelled: [Bool]
    switch row.content {
    case .text(let text):
      tokens = tokenizer.encode(text)
      labelled = tokens.indices.map { $0 > 0 }
    case .messages(let messages):
      (tokens, labelled) = try template.encode(messages, with: tokenizer, addGenerationPrompt: false)
    }
    let cut = max(0, tokens.count - limit)
    if cut > 0 {
      guard maximumLength != nil else {
        throw DatasetError.tooLong(file: file, line: row.line, tokens: tokens.count, limit: limit)
      }
      tokens.removeLast(cut)
      labelled.removeLast(cut)
    }
    guard labelled.contains(true) else { throw DatasetError.nothingToLearn(file: file, line: row.line) }
    return (Example(tokens: tokens, labelled: labelled, line: row.line), cut)
  }
}
