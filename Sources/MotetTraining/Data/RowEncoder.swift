import MotetModels
import MotetTokenizers

/// Makes token sequences of rows; all it needs of a base model is here, so that data can be looked at without
/// loading weights.
public struct RowEncoder: Sendable {
  public let tokenizer: Tokenizer
  /// nil for a base that has none: prompts and responses then stand next to each other.
  public let template: ChatTemplate?
  /// Tokens the model has positions for.
  public let contextLength: Int

  public init(tokenizer: Tokenizer, template: ChatTemplate?, contextLength: Int) {
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

  /// A row's tokens and labels.
  struct Encoded {
    var example: Example
    /// Tokens that were cut off.
    var cut: Int
    /// What was found when the row was read with the template in mind.
    var remarks: Set<RowRemark>
  }

  /// - Parameter maximumLength: longer rows lose their end; nil refuses rows longer than the context
  /// - Throws: ``DatasetError/tooLong(file:line:tokens:limit:)``, ``DatasetError/nothingToLearn(file:line:)``
  func encode(_ row: DatasetRow, maximumLength: Int?, file: String) throws -> Encoded {
    let limit = maximumLength ?? contextLength
    let (row, remarks) = try resolved(row, file: file)
    var tokens: [Int32]
    var labelled: [Bool]
    switch row.content {
    case .text(let text): (tokens, labelled) = encode(text, documents: row.documents)
    case .messages(let messages):
      if let template {
        (tokens, labelled) = try template.encode(
          messages, with: tokenizer, addGenerationPrompt: false, unlabelled: row.untrainedTurns)
      } else {
        (tokens, labelled) = try plain(messages, row, file: file)
      }
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
    return Encoded(
      example: Example(tokens: tokens, labelled: labelled, line: row.line), cut: cut, remarks: remarks)
  }

  /// Text, with the end-of-text token after each document's end, so that the model learns to stop. The first token of
  /// a document is not predicted.
  private func encode(_ text: String, documents: DocumentParts?) -> (tokens: [Int32], labelled: [Bool]) {
    let parts = documents?.parts(of: text) ?? [(text[...], true)]
    var tokens: [Int32] = []
    var labelled: [Bool] = []
    for part in parts {
      let own = tokenizer.beginning + tokenizer.encode(String(part.text))
      tokens += own
      labelled += own.indices.map { $0 > 0 }
      if part.ends, let end = tokenizer.eos {
        tokens.append(end)
        labelled.append(!own.isEmpty)
      }
    }
    return (tokens, labelled)
  }
}
