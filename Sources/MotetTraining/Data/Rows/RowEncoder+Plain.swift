import MotetTokenizers

extension RowEncoder {
  /// A prompt and its response for a base without a chat template: one after the other, and the end-of-text token, so
  /// that the model learns to stop.
  /// - Throws: ``DatasetError/malformed(file:line:problem:)`` for a conversation of more turns
  func plain(
    _ messages: [ChatMessage], _ row: DatasetRow, file: String
  ) throws -> (tokens: [Int32], labelled: [Bool]) {
    guard messages.count == 2, messages[0].role == "user", messages[1].role == "assistant" else {
      throw DatasetError.malformed(
        file: file, line: row.line,
        problem:
          "it is a conversation of \(messages.count) turns, and the base has no chat template for one; give one "
          + "with --chat-template, such as --chat-template chatml")
    }
    let prompt = tokenizer.beginning + tokenizer.encode(messages[0].content)
    let response = tokenizer.encode(messages[1].content) + [tokenizer.eos].compactMap(\.self)
    let isTrained = !row.untrainedTurns.contains(1)
    return (
      prompt + response,
      [Bool](repeating: false, count: prompt.count) + [Bool](repeating: isTrained, count: response.count)
    )
  }
}
