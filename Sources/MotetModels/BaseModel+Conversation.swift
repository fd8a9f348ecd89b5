import MotetTokenizers

extension BaseModel {
  /// The tokens of a conversation that asks for an answer.
  /// - Throws: ``ModelError/noTemplate(name:)`` for a base without a chat template, or what its template refuses
  public nonisolated func tokens(asking messages: [ChatMessage]) throws -> [Int32] {
    guard let template else { throw ModelError.noTemplate(name: name) }
    return try template.tokens(messages, with: tokenizer, addGenerationPrompt: true)
  }

  /// The tokens of a prompt: a conversation of one turn or, for a base without a chat template, the text itself, which it
  /// goes on with.
  /// - Throws: ``ModelError/emptyPrompt``, or what the template refuses
  public nonisolated func promptTokens(_ prompt: String) throws -> [Int32] {
    guard prompt.contains(where: { !$0.isWhitespace }) else { throw ModelError.emptyPrompt }
    guard template != nil else { return tokenizer.beginning + tokenizer.encode(prompt) }
    return try tokens(asking: [ChatMessage(role: "user", content: prompt)])
  }
}
