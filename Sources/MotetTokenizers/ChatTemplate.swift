import Foundation
import MotetFormats

/// The ChatML template: `<|im_start|>role⏎content<|im_end|>⏎` for each turn.
///
///     let template = try ChatTemplate(jinja: source)
///     template.text([ChatMessage(role: "user", content: "Hi")], addGenerationPrompt: true)
///     // <|im_start|>system
///     // You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
///     // <|im_start|>user
///     // Hi<|im_end|>
///     // <|im_start|>assistant
///
/// A conversation that does not begin with a system message gets the model's own default, if its template
/// has one.
public struct ChatTemplate: Sendable, Equatable {
  /// Put first in conversations that do not begin with a system message; nil: nothing is.
  public let defaultSystemPrompt: String?

  static let startOfTurn = "<|im_start|>"
  static let endOfTurn = "<|im_end|>"
  static let generationPrompt = "assistant\n"

  /// ChatML with the given default system prompt.
  public init(defaultSystemPrompt: String?) {
    self.defaultSystemPrompt = defaultSystemPrompt
  }

  /// The template in a Hugging Face model folder: `chat_template.jinja` or, in older ones, the
  /// `chat_template` of `tokenizer_config.json`.
  ///
  /// - Throws: ``TokenizerError`` when there is none or it is not ChatML.
  public init(huggingFace folder: URL) throws {
    let own = folder.appending(path: "chat_template.jinja")
    if let source = try? String(contentsOf: own, encoding: .utf8) {
      if let (problem, mend) = ForeignContent.recognize(source) {
        throw TokenizerError.unreadable(file: own.path, reason: "\(problem); \(mend)")
      }
      try self.init(jinja: source)
    } else if let source = try TokenizerConfiguration(beside: own)?.chatTemplate {
      try self.init(jinja: source)
    } else {
      throw TokenizerError.unsupportedTemplate(
        reason:
          "\(folder.path) holds neither chat_template.jinja nor a chat_template in tokenizer_config.json")
    }
  }

  /// The conversation as the model's template writes it; with `addGenerationPrompt` the head of the
  /// assistant's turn follows.
  public func text(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> String {
    var text = ""
    for message in withSystemPrompt(messages) {
      text += "\(Self.startOfTurn)\(message.role)\n\(message.content)\(Self.endOfTurn)\n"
    }
    if addGenerationPrompt { text += Self.startOfTurn + Self.generationPrompt }
    return text
  }

  /// The tokens of a conversation, and for each whether it carries a label.
  ///
  /// Labelled are the tokens of the assistant's turns and the end-of-turn token after each: not the role,
  /// not the newline that follows the end of turn. A token that joins the newline after `assistant` with white
  /// space at the start of the response belongs to the template and is not labelled.
  ///
  /// Roles and contents are encoded as plain text: `<|im_end|>` written by a user is ten characters and cannot
  /// end the turn, where `apply_chat_template` of `transformers` would take it for the special token. The
  /// tokens of conversations without such lookalikes are the same.
  ///
  /// - Parameter unlabelled: positions in `messages` of assistant turns that carry no label
  /// - Throws: ``TokenizerError/missingToken(_:)`` when the vocabulary has no `<|im_start|>` or `<|im_end|>`.
  public func encode(
    _ messages: [ChatMessage], with tokenizer: Tokenizer, addGenerationPrompt: Bool,
    unlabelled: Set<Int> = []
  ) throws -> (tokens: [Int32], labelled: [Bool]) {
    let start = try Self.id(Self.startOfTurn, in: tokenizer)
    let end = try Self.id(Self.endOfTurn, in: tokenizer)
    let newline = tokenizer.encode("\n")
    var tokens: [Int32] = []
    var labelled: [Bool] = []
    func append(_ more: [Int32], labelled isLabelled: Bool) {
      tokens += more
      labelled += Array(repeating: isLabelled, count: more.count)
    }
    let turns = withSystemPrompt(messages)
    for (index, message) in turns.enumerated() {
      let position = index - (turns.count - messages.count)
      let isResponse = message.role == "assistant" && !unlabelled.contains(position)
      append([start], labelled: false)
      let turn = tokenizer.encode("\(message.role)\n\(message.content)")
      if isResponse {
        let head = Self.count(of: turn, startingWithin: Self.generationPrompt.utf8.count, tokenizer)
        append(Array(turn[..<head]), labelled: false)
        append(Array(turn[head...]), labelled: true)
      } else {
        append(turn, labelled: false)
      }
      append([end], labelled: isResponse)
      append(newline, labelled: false)
    }
    if addGenerationPrompt {
      append([start] + tokenizer.encode(Self.generationPrompt), labelled: false)
    }
    return (tokens, labelled)
  }

  private func withSystemPrompt(_ messages: [ChatMessage]) -> [ChatMessage] {
    guard let defaultSystemPrompt, let first = messages.first, first.role != "system" else {
      return messages
    }
    return [ChatMessage(role: "system", content: defaultSystemPrompt)] + messages
  }

  /// How many of `tokens` start within the first `byteCount` bytes.
  private static func count(
    of tokens: [Int32], startingWithin byteCount: Int, _ tokenizer: Tokenizer
  ) -> Int {
    var bytes = 0
    for (index, token) in tokens.enumerated() {
      if bytes >= byteCount { return index }
      bytes += tokenizer.bytes(of: token).count
    }
    return tokens.count
  }

  private static func id(_ token: String, in tokenizer: Tokenizer) throws -> Int32 {
    guard let id = tokenizer.id(of: token), tokenizer.isSpecial(id) else {
      throw TokenizerError.missingToken(token)
    }
    return id
  }
}
