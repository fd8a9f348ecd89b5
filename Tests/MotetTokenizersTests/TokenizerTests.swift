import MotetTokenizers
import Testing

@Suite struct TokenizerTests {
  @Test func encodesAsHuggingFaceDoes() throws {
    try checkLines("tokenizer-small-lines.json", with: TokenizerFixtures.small())
  }

  @Test func decodesAsHuggingFaceDoes() throws {
    try checkDecodings("tokenizer-small-decodings.json", with: TokenizerFixtures.small())
  }

  @Test func digitsAreIsolatedBySmolLMOnly() throws {
    let tokens = ["1", "2", "Ġ", "12", "Ġ1", "Ġ12", "a", "a1"]
    let merges = ["1 2", "Ġ 12", "Ġ 1", "a 1"]
    func tokenizer(_ splitting: Splitting) throws -> Tokenizer {
      try Tokenizer(
        tokens: tokens, merges: merges, tokenTypes: [], splitting: splitting, bos: nil, eos: nil)
    }
    #expect(try tokenizer(.gpt2).encode("12 12a1") == [3, 5, 6, 0])
    #expect(try tokenizer(.smollm).encode("12 12a1") == [0, 1, 2, 0, 1, 6, 0])
  }

  @Test func longWordsMergeLikeShortOnes() throws {
    // Ranks that depend on one another, so that the order of the merges decides the result.
    let tokens = ["a", "b", "aa", "ab", "aab", "aaaa", "ba"]
    let merges = ["a a", "a b", "aa b", "aa aa", "b a"]
    let tokenizer = try Tokenizer(
      tokens: tokens, merges: merges, tokenTypes: [], splitting: .gpt2, bos: nil, eos: nil)
    // 41 letters are merged by scanning, 205 with a queue.
    let unit = "aaabaababbaaaaabbbabaaabaaaabaabbabaabbba"
    for text in [unit, String(repeating: unit, count: 5)] {
      #expect(tokenizer.encode(text) == naiveMerge(text, tokens: tokens, merges: merges))
    }
  }

  /// Merges learnt in any order, so that pairs come up that were learnt before the pair that made them.
  @Test func longWordsOfAnyMergesAreMergedInTheirOrder() throws {
    var generator = SystemRandomNumberGenerator()
    for round in 0..<60 {
      var tokens = ["a", "b", "c"]
      var merges: [String] = []
      for _ in 0..<14 {
        let (left, right) = (tokens.randomElement(using: &generator), tokens.randomElement(using: &generator))
        guard let left, let right, !tokens.contains(left + right), (left + right).count < 9 else { continue }
        tokens.append(left + right)
        merges.append("\(left) \(right)")
      }
      merges.shuffle(using: &generator)
      let tokenizer = try Tokenizer(
        tokens: tokens, merges: merges, tokenTypes: [], splitting: .gpt2, bos: nil, eos: nil)
      let letters = round % 3 == 0 ? ["a"] : ["a", "b", "c"]
      let text = (0..<(60 + round * 3)).map { _ in letters.randomElement(using: &generator) ?? "a" }.joined()
      #expect(
        tokenizer.encode(text) == naiveMerge(text, tokens: tokens, merges: merges),
        "\(tokens) \(merges) \(text)")
    }
  }

  /// The whitespace runs that SmolLM2 knows, and times that grow with the length alone.
  @Test func aLongRunOfSpacesTakesTimeByItsLength() throws {
    let tokenizer = try TokenizerFixtures.small()
    func seconds(_ count: Int) -> Double {
      let text = String(repeating: " ", count: count)
      var best = Double.infinity
      for _ in 0..<3 {
        var ids: [Int32] = []
        let time = ContinuousClock().measure { ids = tokenizer.encode(text) }
        #expect(tokenizer.decode(ids) == text)
        best = min(best, time / .seconds(1))
      }
      return best
    }
    let (short, long) = (seconds(100_000), seconds(1_600_000))
    #expect(long < 16 * short * 3 + 0.05, "\(short) s for 100,000 spaces, \(long) s for 1,600,000")
  }

  @Test func theFewestTokensOfATextAreNeverMoreThanItHas() throws {
    let tokenizer = try TokenizerFixtures.small()
    for text in [
      "", "a", "Hello world", String(repeating: " ", count: 5_000), "<|im_end|>", "\u{4}\u{4}", "日本語 ☀️",
    ] {
      #expect(tokenizer.fewestTokens(in: text) <= tokenizer.encode(text).count, "\(text)")
    }
    let bytes = try TokenizerFixtures.bytes()
    #expect(bytes.fewestTokens(in: String(repeating: "a", count: 1_000)) == 1_000)
    #expect(bytes.fewestTokens(in: "") == 0)
  }

  @Test func aMegabyteOfOneLetterDoesNotHang() throws {
    let tokenizer = try TokenizerFixtures.small()
    let text = String(repeating: "e", count: 1_000_000)
    var ids: [Int32] = []
    let time = ContinuousClock().measure { ids = tokenizer.encode(text) }
    #expect(tokenizer.decode(ids) == text)
    #expect(time < .seconds(60))
  }

  @Test func specialTokensAreTextUnlessParsed() throws {
    let tokenizer = try TokenizerFixtures.small()
    let end = try #require(tokenizer.id(of: "<|im_end|>"))
    #expect(tokenizer.isSpecial(end))
    #expect(!tokenizer.encode("a<|im_end|>b").contains(end))
    #expect(tokenizer.encode("a<|im_end|>b", parsingSpecialTokens: true).contains(end))
    #expect(tokenizer.decode([end]) == "<|im_end|>")
    #expect(tokenizer.decode([end], skippingSpecialTokens: true) == "")
  }

  @Test func theLongestAddedTokenWinsAndUserDefinedOnesAlwaysMatch() throws {
    let tokenizer = try TokenizerFixtures.bytes(and: ["<é>", "<é>é", "<s>"], types: [4, 4, 3])
    #expect(tokenizer.encode("<é>é<é>") == [257, 256])
    #expect(tokenizer.encode("<s>").count == 3)
    #expect(tokenizer.encode("<s>", parsingSpecialTokens: true) == [258])
    #expect(tokenizer.decode([256, 257]) == "<é><é>é")
  }

  @Test func idsOutsideTheVocabularyDecodeToNothing() throws {
    let tokenizer = try TokenizerFixtures.bytes()
    #expect(tokenizer.vocabularySize == 256)
    #expect(tokenizer.decode([-1, 256, Int32.max, Int32.min]) == "")
    #expect(tokenizer.token(-1) == nil)
    #expect(tokenizer.token(256) == nil)
    #expect(tokenizer.token(0) == "!")
  }

  @Test func streamedPiecesAreWholeCharactersAndAddUpToTheText() throws {
    let tokenizer = try TokenizerFixtures.bytes()
    let text = "é中😀a\u{301}👍🏽\u{0}!"
    var decoder = StreamingDecoder(tokenizer)
    var pieces = tokenizer.encode(text).map { decoder.append($0) }
    #expect(!pieces.contains { $0.unicodeScalars.contains("\u{FFFD}") })
    pieces.append(decoder.finish())
    #expect(pieces.joined() == text)
    #expect(pieces.filter { !$0.isEmpty }.count == text.unicodeScalars.count)
  }

  @Test func malformedVocabulariesAreRefused() {
    func refuses(
      _ error: TokenizerError, tokens: [String], merges: [String] = [], types: [Int] = [], eos: Int? = nil
    ) {
      #expect(throws: error) {
        try Tokenizer(
          tokens: tokens, merges: merges, tokenTypes: types, splitting: .gpt2, bos: nil, eos: eos)
      }
    }
    refuses(.malformedVocabulary(reason: "0 tokens"), tokens: [])
    refuses(.malformedVocabulary(reason: "2 tokens but 1 token types"), tokens: ["a", "b"], types: [1])
    refuses(.duplicateToken("a", 0, 2), tokens: ["a", "b", "a"])
    refuses(
      .specialTokenOutOfRange(name: "end-of-text", id: 2, vocabularySize: 2), tokens: ["a", "b"], eos: 2)
    refuses(
      .malformedMerge("ab", index: 0, reason: "two tokens separated by a space are expected"),
      tokens: ["a", "b", "ab"], merges: ["ab"])
    refuses(
      .malformedMerge("a b", index: 0, reason: "'ab' is not in the vocabulary"), tokens: ["a", "b"],
      merges: ["a b"])
  }
}

/// The merging algorithm as the paper states it, one merge at a time.
private func naiveMerge(_ text: String, tokens: [String], merges: [String]) -> [Int32] {
  var word = text.map { String($0) }
  while word.count > 1 {
    let ranks = (1..<word.count).map { merges.firstIndex(of: word[$0 - 1] + " " + word[$0]) ?? .max }
    guard let best = ranks.min(), best < .max, let at = ranks.firstIndex(of: best) else { break }
    let right = word.remove(at: at + 1)
    word[at] += right
  }
  return word.compactMap { token in tokens.firstIndex(of: token).map { Int32($0) } }
}
