import MotetReport

/// Draws the message under way in a terminal, over as many rows as it takes, and draws it again after an edit.
struct LineDisplay {
  /// Rows of a terminal, and where the cursor stands among them.
  struct Frame: Equatable {
    var rows: [String]
    var cursorRow: Int
    /// Cells left of the cursor.
    var cursorColumn: Int
  }

  let prompt: String
  /// Where the cursor was left, counted from the first row drawn.
  private var cursorRow = 0

  init(prompt: String) { self.prompt = prompt }

  /// What redraws the message: the cursor goes to the first row, everything below is cleared and written again.
  mutating func redraw(_ text: [Character], cursor: Int, width: Int, height: Int) -> String {
    let frame = Self.frame(text, cursor: cursor, prompt: prompt, width: width, height: height)
    let up = cursorRow > 0 ? "\u{1b}[\(cursorRow)A" : ""
    cursorRow = frame.cursorRow
    let back = frame.rows.count - 1 - frame.cursorRow
    return "\(up)\r\u{1b}[J" + frame.rows.joined(separator: "\r\n") + (back > 0 ? "\u{1b}[\(back)A" : "")
      + "\r"
      + (frame.cursorColumn > 0 ? "\u{1b}[\(frame.cursorColumn)C" : "")
  }

  /// The next message begins on a row of its own.
  mutating func leave() { cursorRow = 0 }

  /// The rows of a message, at most `height - 1` of them around the cursor; the last column stays free, so that no
  /// terminal wraps by itself.
  static func frame(
    _ text: [Character], cursor: Int, prompt: String, width: Int, height: Int
  ) -> Frame {
    let limit = max(cells(prompt) + 4, width) - 1
    let indent = String(repeating: " ", count: cells(prompt))
    var rows = [prompt]
    var used = cells(prompt)
    var place = (row: 0, column: used)
    func startRow() {
      rows.append(indent)
      used = indent.count
    }
    for (index, character) in text.enumerated() {
      let shown = visible(character)
      let taken = cells(shown)
      if character != "\n", used + taken > limit { startRow() }
      if index == cursor { place = (rows.count - 1, used) }
      if character == "\n" {
        startRow()
      } else {
        rows[rows.count - 1] += shown
        used += taken
      }
    }
    if cursor >= text.count {
      if used >= limit { startRow() }
      place = (rows.count - 1, used)
    }
    let room = max(1, height - 1)
    guard rows.count > room else {
      return Frame(rows: rows, cursorRow: place.row, cursorColumn: place.column)
    }
    let first = min(max(0, place.row - room + 1), rows.count - room)
    return Frame(
      rows: Array(rows[first..<first + room]), cursorRow: place.row - first, cursorColumn: place.column)
  }

  /// A character as it may be drawn: none that moves the cursor.
  private static func visible(_ character: Character) -> String {
    if character == "\t" { return "    " }
    let isControl = character.unicodeScalars.contains {
      $0.properties.generalCategory == .control
    }
    return isControl ? "\u{fffd}" : String(character)
  }
}
