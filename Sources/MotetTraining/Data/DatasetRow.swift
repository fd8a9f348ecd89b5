import MotetTokenizers

/// One row of training or evaluation data, as a conversation or as plain text.
public struct DatasetRow: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    /// Every assistant turn is a response.
    case messages([ChatMessage])
    /// Every token but the first is predicted, and the end of the text after the last.
    case text(String)
  }

  public var content: Content
  /// Where it stands in its file, counted from 1.
  public var line: Int
  /// The texts that count as the right answer, where the row lists several, of which the first is trained on; empty for the
  /// last response alone.
  public var acceptedResponses: [String] = []
  /// Positions of assistant turns that carry no label, because the row says so.
  public var untrainedTurns: Set<Int> = []
  /// How a text is made of documents; nil for one that is whole.
  var documents: DocumentParts?

  public init(_ content: Content, line: Int = 0, acceptedResponses: [String] = []) {
    self.content = content
    self.line = line
    self.acceptedResponses = acceptedResponses
  }

  public init(prompt: String, response: String, line: Int = 0, acceptedResponses: [String] = []) {
    self.init(
      .messages([
        ChatMessage(role: "user", content: prompt), ChatMessage(role: "assistant", content: response),
      ]),
      line: line, acceptedResponses: acceptedResponses)
  }
}

/// The documents that a text holds one after another.
struct DocumentParts: Sendable, Equatable {
  /// Bytes of each part's UTF-8.
  var lengths: [Int]
  /// Whether the last part is the end of its document; those before are.
  var endsLast: Bool

  /// The parts of a text, and whether each ends its document.
  func parts(of text: String) -> [(text: Substring, ends: Bool)] {
    var start = text.startIndex
    return lengths.enumerated().map { index, length in
      let end = text.utf8.index(start, offsetBy: length, limitedBy: text.endIndex) ?? text.endIndex
      defer { start = end }
      return (text[start..<end], endsLast || index < lengths.count - 1)
    }
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
