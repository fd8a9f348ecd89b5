import Testing

@testable import MotetRouting

@Suite struct LexicalFeaturesTests {
  private func texts(_ prompt: String, _ kind: Evidence.Kind) -> [String] {
    LexicalFeatures.of(prompt).filter { $0.kind == kind }.map(\.text)
  }

  @Test func wordsAreLowerCaseRunsOfLetters() {
    #expect(texts("Don’t SOLVE it, don't!", .word) == ["don't", "solve", "it"])
    #expect(texts("naïve Straße", .word) == ["naïve", "straße"])
  }

  @Test func composedAndDecomposedLettersAreTheSame() {
    #expect(LexicalFeatures.of("caf\u{E9}") == LexicalFeatures.of("cafe\u{301}"))
  }

  @Test func eachIdeographIsAWord() {
    #expect(texts("你好吗", .word) == ["你", "好", "吗"])
    #expect(texts("你好吗", .pair) == ["你 好", "好 吗"])
  }

  @Test func numbersLoseTheirDigits() {
    #expect(texts("12 apples and 1,300.5 pears", .pair) == ["# apples", "apples and", "and #", "# pears"])
    #expect(LexicalFeatures.of("7 + 8") == LexicalFeatures.of("91 + 2"))
  }

  @Test func patternsShowTheShapeOfFormulasAndCode() {
    let formula = texts("3x² + 5", .pattern)
    for expected in ["9x", "x²", "9x²", "² +", "+ 9"] { #expect(formula.contains(expected)) }
    #expect(texts("def f(x):", .pattern).contains("x(x"))
    #expect(texts("parse(text)", .pattern) == ["a(", "a(a", "(", "(a", "(a)", "a)", ")"])
    #expect(texts("only plain words", .pattern).isEmpty)
  }

  @Test func longWordsAlsoGiveTheirBeginning() {
    #expect(texts("equations", .stem) == texts("equation", .stem))
    #expect(texts("solve", .stem).isEmpty)
  }

  @Test func keysReadBackAsTheyWereWritten() {
    for feature in LexicalFeatures.of("Solve 3x² + 5x = 0 with a (very) long equation") {
      #expect(LexicalFeature(key: feature.key) == feature)
    }
    for bad in ["", "w", "w ", "solve", "z x", "wsolve"] { #expect(LexicalFeature(key: bad) == nil) }
  }
}
