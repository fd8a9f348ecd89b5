import MotetTokenizers

/// What a row asks, and what it takes for an answer.
extension DatasetRow {
  /// The turns that the last assistant turn answers: all before it, the system turn and the history included.
  ///
  /// nil for plain text and for a conversation in which the assistant says nothing: neither has an answer to compare
  /// with.
  public var turnsBeforeAnswer: [ChatMessage]? {
    guard case .messages(let messages) = content,
      let answer = messages.lastIndex(where: { $0.role == "assistant" })
    else { return nil }
    return Array(messages[..<answer])
  }

  /// The last assistant turn; empty where there is none.
  public var response: String {
    guard case .messages(let messages) = content else { return "" }
    return messages.last { $0.role == "assistant" }?.content ?? ""
  }

  /// Every text that counts as the right answer: ``acceptedResponses``, or the one ``response``.
  public var answers: [String] {
    acceptedResponses.isEmpty ? [response] : acceptedResponses
  }

  /// The text that a router reads, in training, evaluation and answering: the user turn that the last assistant turn
  /// answers, without the system turn and the history. A router reads the last user turn of a chat in the same way.
  ///
  /// A plain text is read whole.
  public var prompt: String {
    switch content {
    case .text(let text): text
    case .messages(let messages):
      (turnsBeforeAnswer ?? messages).last { $0.role == "user" }?.content ?? ""
    }
  }
}
