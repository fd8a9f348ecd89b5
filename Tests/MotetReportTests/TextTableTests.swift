import Testing

@testable import MotetReport

@Suite struct TextTableTests {
  @Test func columnsAlignWithNumbersToTheRight() {
    let table = TextTable(header: ["domain", "base"], rows: [["math", "12%"], ["code", "9.5%"], ["qa"]])
    #expect(
      table.text() == """
        domain  base
        ──────  ────
        math     12%
        code    9.5%
        qa
        """)
  }

  @Test func wideCharactersTakeTwoColumns() {
    let table = TextTable(header: [], rows: [["日本", "x"], ["e\u{301}", "y"]])
    #expect(table.text() == "日本  x\ne\u{301}     y")
  }

  @Test func lineBreaksInCellsDoNotBreakTheTable() {
    #expect(TextTable(header: [], rows: [["a\nb\tc", "d"]]).text() == "a b c  d")
    #expect(TextTable(header: []).text() == "")
  }

  @Test(arguments: ["1", "-2.5", "98.2%", "+3", "1,200", "12 MB", "–", "1e-5", "±0.1", "<1"])
  func knowsNumbers(_ text: String) { #expect(TextTable.isNumber(text)) }

  @Test(arguments: ["math", "", "a1", "3 blind mice and more", "2 of 3", "v1.2"])
  func knowsWhatIsNone(_ text: String) { #expect(!TextTable.isNumber(text)) }

  @Test func barsAreAsLongAsTheirShares() {
    let bars = TextBars([("math", 0.7), ("qa", 0.25)], width: 10)
    #expect(bars.text() == "math  ███████░░░  70%\nqa    ███░░░░░░░  25%")
  }

  @Test func barsBearAnyNumber() {
    for value in DrawingTests.odd + [-1, 7] {
      let text = TextBars([("x", value)], width: 10).text()
      #expect(text.count { $0 == "█" || $0 == "░" } == 10)
    }
    #expect(TextBars([]).text() == "")
    #expect(TextBars([("x", 0.5)], width: -3).text().contains("█"))
  }
}
