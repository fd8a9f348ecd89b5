import Motet

/// The turns of a conversation, kept within what the model's context holds.
struct Conversation {
  /// Always the first turn; nil leaves the template's own.
  let system: ChatMessage?
  /// Questions and answers in turn, the oldest first.
  private(set) var turns: [ChatMessage] = []

  init(system: String? = nil) {
    self.system = system.map { ChatMessage(role: "system", content: $0) }
  }

  /// What the model is asked next, and what had to be forgotten for it.
  struct Asked: Equatable {
    var messages: [ChatMessage]
    /// Tokens of the messages.
    var tokens: Int
    /// Questions that were dropped with their answers, the oldest first.
    var dropped: Int
  }

  /// Adds a question. The oldest questions are dropped with their answers until there is room for an answer.
  /// - Parameters:
  ///   - context: tokens that messages and answer have together
  ///   - answer: tokens to keep free for the answer
  ///   - count: the tokens of messages
  /// - Throws: ``ConversationError/tooLong(tokens:context:)`` when the question alone does not fit; nothing is dropped then
  mutating func ask(
    _ text: String, context: Int, answer: Int, count: ([ChatMessage]) throws -> Int
  ) throws -> Asked {
    let question = ChatMessage(role: "user", content: text)
    var kept = turns[...]
    var dropped = 0
    while true {
      let messages = (system.map { [$0] } ?? []) + kept + [question]
      let tokens = try count(messages)
      if tokens + answer <= context || (kept.isEmpty && tokens < context) {
        turns = kept + [question]
        return Asked(messages: messages, tokens: tokens, dropped: dropped)
      }
      guard !kept.isEmpty else { throw ConversationError.tooLong(tokens: tokens, context: context) }
      kept = kept.dropFirst()
      kept = kept.drop { $0.role != "user" }
      dropped += 1
    }
  }

  /// Adds the answer to the question asked last. A question without one is taken back.
  mutating func answer(_ text: String) {
    if text.isEmpty {
      turns.removeLast()
    } else {
      turns.append(ChatMessage(role: "assistant", content: text))
    }
  }

  /// Forgets everything but the system turn.
  mutating func reset() { turns = [] }
}

enum ConversationError: Error, Equatable, CustomStringConvertible {
  case tooLong(tokens: Int, context: Int)

  var description: String {
    switch self {
    case .tooLong(let tokens, let context):
      "the message takes \(tokens) tokens with its template, and the model's context holds \(context): shorten it; "
        + "the conversation goes on"
    }
  }
}
