import Testing

@testable import MotetCLI

@Suite struct KeyDecoderTests {
  private func keys(_ bytes: [UInt8]) -> [Key] {
    var decoder = KeyDecoder()
    return bytes.compactMap { decoder.take($0) }
  }

  private func keys(_ text: String) -> [Key] { keys(Array(text.utf8)) }

  @Test func charactersOfAllLengthsAreWhole() {
    #expect(keys("aé€😀") == [.text("a"), .text("é"), .text("€"), .text("😀")])
  }

  @Test func bytesThatAreNotUTF8AreReplacedAndTheNextCharacterIsKept() {
    #expect(keys([0xff, UInt8(ascii: "a")]) == [.text("\u{fffd}"), .text("a")])
    #expect(keys([0xc3, UInt8(ascii: "a")]) == [.text("a")])
  }

  @Test(arguments: [
    ("\u{1b}[A", Key.up), ("\u{1b}[B", .down), ("\u{1b}[C", .right), ("\u{1b}[D", .left),
    ("\u{1b}OA", .up), ("\u{1b}OH", .home), ("\u{1b}OF", .end), ("\u{1b}[H", .home), ("\u{1b}[F", .end),
    ("\u{1b}[1~", .home), ("\u{1b}[4~", .end), ("\u{1b}[3~", .delete), ("\u{1b}[1;5C", .right),
    ("\u{1b}\r", .newline), ("\u{7f}", .backspace), ("\u{8}", .backspace), ("\u{3}", .interrupt),
    ("\u{4}", .endOfInput), ("\r", .enter), ("\n", .enter), ("\u{1}", .home), ("\u{5}", .end),
    ("\u{15}", .deleteToStart), ("\u{17}", .deleteWord), ("\u{b}", .deleteToEnd), ("\t", .text("\t")),
  ])
  func editingKeysAreKnown(text: String, key: Key) {
    #expect(keys(text) == [key])
  }

  @Test func keysWithoutAMeaningLeaveNothingBehind() {
    #expect(keys("\u{1b}[5~\u{1b}[24~\u{1b}xa") == [.text("a")])
  }

  @Test func aPasteIsOneKeyWithItsLineBreaks() {
    #expect(
      keys("a\u{1b}[200~one\r\rtwo\r\nthree\n\u{1b}[201~\r") == [
        .text("a"), .paste("one\n\ntwo\nthree\n"), .enter,
      ])
  }

  @Test func whatAPasteHoldsIsNoKey() {
    #expect(keys("\u{1b}[200~\u{3}\u{4}\u{1b}[A/quit\u{1b}[201~") == [.paste("\u{3}\u{4}\u{1b}[A/quit")])
  }

  @Test func aPasteOfAnyLengthIsWhole() {
    let long = String(repeating: "0123456789", count: 100_000)
    #expect(keys("\u{1b}[200~\(long)\u{1b}[201~") == [.paste(long)])
  }

  @Test func escapeAloneIsForgotten() {
    var decoder = KeyDecoder()
    #expect(decoder.take(0x1b) == nil)
    #expect(decoder.isAtEscape)
    decoder.forgetEscape()
    #expect(decoder.take(UInt8(ascii: "[")) == .text("["))
  }
}
