import MotetTokenizers

/// One row of training or evaluation data, as a conversation or as plain text.
public struct DatasetRow: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    /// Every assistant turn is a response.
    case messages([ChatMessage])
    /// Every token but the first is predicted.
    case text(String)
  }

  public var content: Content
  /// Where it stands in its file, counted from 1.
  public var line: Int
  /// The texts that count as the right answer, where the row lists several; empty for the last response alone.
  public var acceptedResponses: [String] = []

  public init(_ content: Content, line: Int = 0) {
    self.content = content
    self.line = line
  }

  public init(prompt: String, response: String, line: Int = 0) {
    self.init(
      .messages([
        ChatMessage(role: "user", content: prompt), ChatMessage(role: "assistant", content: response),
      ]),
      line: line)
  }
}

/// A row as the model sees it.
public struct Example: Sendable, Equatable {
  public var tokens: [Int32]
  /// For each token whether its prediction counts: the response's tokens and the end of turn after them.
  public var labelled: [Bool]
  public var line: Int

  public init(tokens: [Int32], labelled: [Bool], line: Int) {
    self.tokens = tokens
    self.labelled = labelled
    self.line = line
  }

  public var labelCount: Int { labelled.lazy.filter { $0 }.count }
}
