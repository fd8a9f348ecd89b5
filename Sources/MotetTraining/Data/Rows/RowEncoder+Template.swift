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
    // Most rows have none, and need no further look.
    guard row.texts.contains(where: { tokenizer.specialToken(writtenIn: $0) != nil }) else {
      return (row, [])
    }
    var row = row
    var remarks: Set<RowRemark> = []
    if row.documents == nil, let messages = conversation(writtenIn: row, isPrompt: isPrompt) {
      row.content = .messages(messages)
      row.untrainedTurns = []
      remarks.insert(.rendered)
    }
    switch row.content {
    case .text(let text) where row.documents == nil:
      row.content = .text(try withoutEnd(text, of: row, file: file, what: "the text", remarks: &remarks))
    case .text: break
    case .messages(var messages):
      for index in messages.indices where messages[index].role == "assistant" {
        messages[index].content = try withoutEnd(
          messages[index].content, of: row, file: file, what: "the response", remarks: &remarks)
      }
      row.content = .messages(messages)
    }
    for text in row.texts {
      if let token = tokenizer.specialToken(writtenIn: text) { remarks.insert(.specialToken(token)) }
    }
    return (row, remarks)
  }

  /// The tokens that end a text or a turn, as they are written.
  private var ends: [String] {
    var ends = [template.endOfTurnText, "<|endoftext|>"].compactMap(\.self)
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
    guard let start = template.startOfTurnText, text.contains(start) else { return nil }
    return template.messages(in: text, endOfText: ends, needsAnswer: !isPrompt)
  }

  /// A text without the ends that are written after it.
  private func withoutEnd(
    _ text: String, of row: DatasetRow, file: String, what: String, remarks: inout Set<RowRemark>
  ) throws -> String {
    var rest = Substring(text)
    var found: String?
    while true {
      let trimmed = rest.trimmingWhiteSpaceAtEnd
      guard let end = ends.first(where: { trimmed.hasSuffix($0) }) else { break }
      rest = trimmed.dropLast(end.count)
      found = found ?? end
    }
    guard let found else { return text }
    guard !rest.allSatisfy(\.isWhitespace) else {
      throw DatasetError.malformed(file: file, line: row.line, problem: "\(what) is empty")
    }
    remarks.insert(.writtenEnd(found))
    return String(rest)
  }
}

extension Substring {
  fileprivate var trimmingWhiteSpaceAtEnd: Substring {
    guard let last = lastIndex(where: { !$0.isWhitespace }) else { return prefix(0) }
    return self[...last]
  }
}
