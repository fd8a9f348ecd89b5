extension ChatTemplate {
  /// What ends a turn, as it is written: `<|im_end|>`.
  public var endOfTurnText: String { Self.endOfTurn }

  /// What begins a turn, as it is written: `<|im_start|>`.
  public var startOfTurnText: String { Self.startOfTurn }

  /// The turns of a conversation that is written out in this template, as `apply_chat_template` of `transformers`
  /// writes it; nil when `text` is anything else.
  ///
  ///     template.messages(in: "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n")
  ///     // [user: Hi, assistant: Hello]
  ///
  /// White space around the whole, an end-of-text token after it, a head of the assistant's turn with nothing after
  /// it, and a last answer without its end of turn are taken too.
  ///
  /// - Parameters:
  ///   - endOfText: how the end-of-text tokens are written that may follow
  ///   - needsAnswer: whether a conversation without an answer is nil
  public func messages(
    in text: String, endOfText: [String] = ["<|endoftext|>"], needsAnswer: Bool = true
  ) -> [ChatMessage]? {
    let (start, end) = (Array(Self.startOfTurn.utf8), Array(Self.endOfTurn.utf8))
    var rest = Array(text.utf8)[...].droppingWhiteSpaceAtStart
    var messages: [ChatMessage] = []
    while rest.starts(with: start) {
      rest = rest.dropFirst(start.count)
      guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")), newline > rest.startIndex,
        newline - rest.startIndex <= 32
      else { return nil }
      let role = String(decoding: rest[..<newline], as: UTF8.self).trimmingWhiteSpace
      rest = rest[(newline + 1)...]
      let close = rest.firstRange(of: end)
      let content = rest[..<(close?.lowerBound ?? rest.endIndex)]
      guard content.firstRange(of: start) == nil, !role.contains("<") else { return nil }
      rest = close.map { rest[$0.upperBound...].droppingWhiteSpaceAtStart } ?? []
      let body = String(decoding: content, as: UTF8.self)
      if close == nil {
        guard role == "assistant" else { return nil }
        let written = body.trimmingWhiteSpace
        if !written.isEmpty { messages.append(ChatMessage(role: role, content: written)) }
      } else {
        messages.append(ChatMessage(role: role, content: body))
      }
    }
    for token in endOfText where rest.starts(with: token.utf8) {
      rest = rest.dropFirst(token.utf8.count).droppingWhiteSpaceAtStart
    }
    let hasAnswer = messages.contains { $0.role == "assistant" && !$0.content.trimmingWhiteSpace.isEmpty }
    return rest.isEmpty && (hasAnswer || !needsAnswer && !messages.isEmpty) ? messages : nil
  }
}

extension ArraySlice<UInt8> {
  fileprivate var droppingWhiteSpaceAtStart: ArraySlice<UInt8> {
    drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
  }
}

extension String {
  fileprivate var trimmingWhiteSpace: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }),
      let last = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[first...last])
  }
}
