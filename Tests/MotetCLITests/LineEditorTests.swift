import Testing

@testable import MotetCLI

@Suite struct LineEditorTests {
  /// The editor after some typing, and what happened.
  private func type(_ text: String) -> (editor: LineEditor, events: [LineEditor.Event]) {
    var (decoder, editor) = (KeyDecoder(), LineEditor())
    let events = text.utf8.compactMap { decoder.take($0).flatMap { editor.take($0) } }
    return (editor, events)
  }

  private func message(_ text: String) -> String { String(type(text).editor.text) }

  @Test func enterSubmitsAndBeginsAnew() {
    let (editor, events) = type("hello\rworld\r")
    #expect(events == [.submitted("hello"), .submitted("world")])
    #expect(editor.text.isEmpty && editor.cursor == 0)
  }

  @Test func backspaceTakesAWholeCharacter() {
    #expect(message("aé\u{7f}") == "a")
    #expect(message("a😀\u{7f}b") == "ab")
    // A family of seven scalars, and an accent of its own.
    #expect(message("x👨‍👩‍👧‍👦\u{7f}") == "x")
    #expect(message("xe\u{301}\u{7f}") == "x")
    #expect(message("\u{7f}\u{7f}a") == "a")
  }

  @Test func theCursorMovesAndTextGoesWhereItIs() {
    #expect(message("ac\u{1b}[Db") == "abc")
    #expect(message("bc\u{1}a\u{5}d") == "abcd")
    #expect(message("abc\u{1b}[D\u{1b}[D\u{1b}[3~") == "ac")
    #expect(message("a\u{1b}[C\u{1b}[Cb") == "ab")
  }

  @Test func wordsAndLinesAreDeleted() {
    #expect(message("one two  \u{17}") == "one ")
    #expect(message("one two\u{15}x") == "x")
    #expect(message("one two\u{1b}[D\u{1b}[D\u{b}") == "one t")
  }

  @Test func aPasteOfSeveralLinesIsOneMessage() {
    let (_, events) = type("see: \u{1b}[200~def f():\r\r    return 1\r\u{1b}[201~ ok?\r")
    #expect(events == [.submitted("see: def f():\n\n    return 1\n ok?")])
  }

  @Test func altEnterBreaksTheLine() {
    #expect(type("a\u{1b}\rb\r").events == [.submitted("a\nb")])
    // Home and end are of the line the cursor is in.
    #expect(message("ab\u{1b}\rcd\u{1}x") == "ab\nxcd")
  }

  @Test func interruptClearsAndEndOfInputLeavesOnlyWhenEmpty() {
    #expect(type("abc\u{3}d").events == [.interrupted])
    #expect(message("abc\u{3}d") == "d")
    #expect(type("\u{4}").events == [.ended])
    #expect(type("ab\u{1b}[D\u{4}").events == [])
    #expect(message("ab\u{1b}[D\u{4}") == "a")
  }

  @Test func theHistoryComesBackAndTheMessageUnderWayIsKept() {
    let typed = "one\rtwo\rthr"
    #expect(message(typed + "\u{1b}[A") == "two")
    #expect(message(typed + "\u{1b}[A\u{1b}[A") == "one")
    #expect(message(typed + "\u{1b}[A\u{1b}[A\u{1b}[A") == "one")
    #expect(message(typed + "\u{1b}[A\u{1b}[B") == "thr")
    #expect(type(typed + "\u{1b}[A!\r").events.last == .submitted("two!"))
    #expect(type("\r\r one\rone\r one\r").editor.history == [" one", "one", " one"])
  }

  @Test func aMessageMayHaveAnyLength() {
    let long = String(repeating: "word ", count: 20_000)
    #expect(type(long + "\r").events == [.submitted(long)])
  }
}
