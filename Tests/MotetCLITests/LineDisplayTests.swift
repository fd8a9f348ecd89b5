import Testing

@testable import MotetCLI

@Suite struct LineDisplayTests {
  private func frame(
    _ text: String, cursor: Int? = nil, width: Int = 10, height: Int = 24
  ) -> LineDisplay.Frame {
    let characters = Array(text)
    return LineDisplay.frame(
      characters, cursor: cursor ?? characters.count, prompt: "> ", width: width, height: height)
  }

  @Test func aShortMessageIsOneRow() {
    #expect(frame("abc") == .init(rows: ["> abc"], cursorRow: 0, cursorColumn: 5))
    #expect(frame("abc", cursor: 1) == .init(rows: ["> abc"], cursorRow: 0, cursorColumn: 3))
    #expect(frame("") == .init(rows: ["> "], cursorRow: 0, cursorColumn: 2))
  }

  @Test func rowsNeverReachTheLastColumn() {
    #expect(frame("abcdefghij").rows == ["> abcdefg", "  hij"])
    #expect(frame("abcdefg") == .init(rows: ["> abcdefg", "  "], cursorRow: 1, cursorColumn: 2))
    #expect(frame("abcdefghij", cursor: 7).cursorRow == 1)
  }

  @Test func wideCharactersTakeTwoCells() {
    #expect(frame("日本語語").rows == ["> 日本語", "  語"])
    #expect(frame("日本").cursorColumn == 6)
  }

  @Test func lineBreaksAreRowsAndControlCharactersAreNot() {
    #expect(frame("a\n\nb", cursor: 1) == .init(rows: ["> a", "  ", "  b"], cursorRow: 0, cursorColumn: 3))
    #expect(frame("a\u{1b}[2J").rows == ["> a\u{fffd}[2J"])
  }

  @Test func aMessageHigherThanTheScreenShowsThePartWithTheCursor() {
    let text = (1...9).map { "\($0)" }.joined(separator: "\n")
    #expect(frame(text, height: 4).rows == ["  7", "  8", "  9"])
    #expect(
      frame(text, cursor: 0, height: 4) == .init(rows: ["> 1", "  2", "  3"], cursorRow: 0, cursorColumn: 2))
  }

  @Test func drawingAgainBeginsWhereTheMessageBegan() {
    var display = LineDisplay(prompt: "> ")
    _ = display.redraw(Array("abcdefghij"), cursor: 10, width: 10, height: 24)
    #expect(
      display.redraw(Array("a"), cursor: 0, width: 10, height: 24) == "\u{1b}[1A\r\u{1b}[J> a\r\u{1b}[2C")
    display.leave()
    #expect(display.redraw([], cursor: 0, width: 10, height: 24) == "\r\u{1b}[J> \r\u{1b}[2C")
  }
}
