/// A message under way, and what keys do to it: a value without a terminal, so that it can be tested.
///
///     var editor = LineEditor()
///     for key in keys { if let event = editor.take(key) { … } }
struct LineEditor {
  enum Event: Equatable {
    case submitted(String)
    /// Ctrl-C; the message is cleared.
    case interrupted
    /// Ctrl-D on an empty message.
    case ended
    case suspended
    case redrawn
  }

  private(set) var text: [Character] = []
  /// Characters before the cursor.
  private(set) var cursor = 0
  /// Messages that were submitted, the oldest first.
  private(set) var history: [String] = []
  /// Which of the history is shown; `history.count` for the message under way.
  private var place = 0
  /// The message under way while one of the history is shown.
  private var draft: [Character] = []

  mutating func take(_ key: Key) -> Event? {
    switch key {
    case .text(let scalar): insert(scalar)
    case .paste(let pasted): insert(pasted)
    case .newline: insert("\n")
    case .enter: return submit()
    case .backspace:
      if cursor > 0 { delete(cursor - 1..<cursor) }
    case .delete: deleteForward()
    case .deleteWord: delete(startOfWord..<cursor)
    case .deleteToStart: delete(startOfLine..<cursor)
    case .deleteToEnd: delete(cursor..<endOfLine)
    case .left: cursor = max(0, cursor - 1)
    case .right: cursor = min(text.count, cursor + 1)
    case .home: cursor = startOfLine
    case .end: cursor = endOfLine
    case .up: show(place - 1)
    case .down: show(place + 1)
    case .endOfInput:
      if text.isEmpty { return .ended }
      deleteForward()
    case .interrupt:
      clear()
      return .interrupted
    case .suspend: return .suspended
    case .redraw: return .redrawn
    }
    return nil
  }

  // MARK: Inserting

  private mutating func insert(_ added: String) {
    let characters = Array(added)
    text.insert(contentsOf: characters, at: cursor)
    cursor += characters.count
  }

  /// A scalar that joins the character before it, such as an accent, becomes a part of it.
  private mutating func insert(_ scalar: Unicode.Scalar) {
    if cursor > 0, !scalar.isASCII {
      let joined = String(text[cursor - 1]) + String(scalar)
      if joined.count == 1 {
        text[cursor - 1] = Character(joined)
        return
      }
    }
    text.insert(Character(scalar), at: cursor)
    cursor += 1
  }

  // MARK: Deleting

  private mutating func delete(_ range: Range<Int>) {
    text.removeSubrange(range)
    cursor = range.lowerBound
  }

  private mutating func deleteForward() {
    if cursor < text.count { delete(cursor..<cursor + 1) }
  }

  private mutating func clear() {
    text = []
    cursor = 0
    place = history.count
  }

  private var startOfLine: Int { text[..<cursor].lastIndex(of: "\n").map { $0 + 1 } ?? 0 }
  private var endOfLine: Int { text[cursor...].firstIndex(of: "\n") ?? text.count }

  private var startOfWord: Int {
    var start = cursor
    while start > 0, text[start - 1].isWhitespace { start -= 1 }
    while start > 0, !text[start - 1].isWhitespace { start -= 1 }
    return start
  }

  // MARK: History

  private mutating func submit() -> Event {
    let message = String(text)
    if message.contains(where: { !$0.isWhitespace }), history.last != message { history.append(message) }
    clear()
    return .submitted(message)
  }

  private mutating func show(_ other: Int) {
    guard (0...history.count).contains(other), other != place else { return }
    if place == history.count { draft = text }
    place = other
    text = other == history.count ? draft : Array(history[other])
    cursor = text.count
  }
}
