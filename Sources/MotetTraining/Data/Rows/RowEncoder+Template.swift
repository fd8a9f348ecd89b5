import MotetTokenizers

extension RowEncoder {
  /// The row as it is meant, when it was written with a template in mind: a conversation that is written out becomes
  /// its turns, and an end of turn that is written after a response is left out.
  ///
  /// Special tokens that are written anywhere else stay the characters they are written with: what a row says is never
  /// taken for a control token.
  /// - Parameter isPrompt: whether the row needs no response
  /// - Throws: ``DatasetError/malformed(file:line:problem:)`` when nothing of a response is left
  func resolved(
    _ row: DatasetRow, file: String, isPrompt: Bool = false
  ) throws -> (row: DatasetRow, remarks: Set<RowRemark>) {
    var row = row
    var remarks: Set<RowRemark> = []
    if row.documents == nil, let messages = conversation(writtenIn: row, isPrompt: isPrompt) {
      row.content = .messages(messages)
      row.untrainedTurns = []
      remarks.insert(.rendered)
    }
    switch row.content {
    case .text(let text):
      let (rest, token) = withoutEnd(text)
      if let token {
        guard !rest.isEmpty else {
          throw DatasetError.malformed(file: file, line: row.line, problem: "the text is empty")
        }
        if row.documents == nil {
          row.content = .text(rest)
          remarks.insert(.writtenEnd(token))
        }
      }
      if let token = tokenizer.specialToken(writtenIn: row.documents == nil ? rest : text) {
        remarks.insert(.specialToken(token))
      }
    case .messages(var messages):
      for index in messages.indices {
        if messages[index].role == "assistant" {
          let (rest, token) = withoutEnd(messages[index].content)
          if let token {
            guard !rest.allSatisfy(\.isWhitespace) else {
              throw DatasetError.malformed(file: file, line: row.line, problem: "the response is empty")
            }
            messages[index].content = rest
            remarks.insert(.writtenEnd(token))
          }
        }
        if let token = tokenizer.specialToken(writtenIn: messages[index].content) {
          remarks.insert(.specialToken(token))
        }
      }
      row.content = .messages(messages)
    }
    return (row, remarks)
  }

  /// The tokens that end a text or a turn, as they are written.
  private var ends: [String] {
    var ends = [template.endOfTurnText, "<|endoftext|>"]
    if let eos = tokenizer.eos.flatMap({ tokenizer.token($0) }), !ends.contains(eos) { ends.append(eos) }
    return ends.filter { tokenizer.id(of: $0) != nil }
  }

  /// The turns that a text, or a prompt with its response, writes out in the template.
  private func conversation(writtenIn row: DatasetRow, isPrompt: Bool) -> [ChatMessage]? {
    let text: String
    switch row.content {
    case .text(let whole): text = whole
    case .messages(let turns) where isPrompt && turns.count == 1: text = turns[0].content
    case .messages(let turns):
      guard turns.count == 2, turns[0].role == "user", turns[1].role == "assistant" else { return nil }
      text = turns[0].content + turns[1].content
    }
    // Most texts are none, and need no look at their end.
    guard text.contains(template.startOfTurnText) else { return nil }
    return template.messages(in: text, endOfText: ends, needsAnswer: !isPrompt)
  }

  /// A text without the ends that are written after it, and the first of these.
  private func withoutEnd(_ text: String) -> (text: String, token: String?) {
    var rest = Substring(text)
    var found: String?
    while true {
      let trimmed = rest.trimmingWhiteSpaceAtEnd
      guard let end = ends.first(where: { trimmed.hasSuffix($0) }) else { break }
      rest = trimmed.dropLast(end.count)
      found = found ?? end
    }
    return found == nil ? (text, nil) : (String(rest), found)
  }
}

extension Substring {
  fileprivate var trimmingWhiteSpaceAtEnd: Substring {
    guard let last = lastIndex(where: { !$0.isWhitespace }) else { return prefix(0) }
    return self[...last]
  }
}
