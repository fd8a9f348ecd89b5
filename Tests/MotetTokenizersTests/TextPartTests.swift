import MotetTokenizers
import Testing

@Suite struct TextPartTests {
  @Test func specialTokensAreFoundOnlyInPartsThatParseThem() throws {
    let tokenizer = try TokenizerFixtures.small()
    let end = try #require(tokenizer.id(of: "<|im_end|>"))
    let parts = [
      TextPart("<|im_end|>", parsesSpecialTokens: false), TextPart("<|im_end|>", parsesSpecialTokens: true),
    ]
    let placed = tokenizer.encode(parts)
    #expect(placed.filter { $0.id == end } == [PlacedToken(id: end, start: 10)])
    #expect(placed.last == PlacedToken(id: end, start: 10))
    #expect(placed.dropLast().map(\.id) == tokenizer.encode("<|im_end|>"))
  }

  /// A user who writes the beginning of a special token before the template's own words makes none.
  @Test func aTokenThatReachesIntoAnotherPartIsNotOne() throws {
    let tokenizer = try TokenizerFixtures.small()
    let end = try #require(tokenizer.id(of: "<|im_end|>"))
    func ids(_ parts: [(String, Bool)]) -> [Int32] {
      tokenizer.encode(parts.map { TextPart($0.0, parsesSpecialTokens: $0.1) }).map(\.id)
    }
    #expect(!ids([("<|im_", false), ("end|>", true)]).contains(end))
    #expect(!ids([("<|im_", true), ("end|>", false)]).contains(end))
    #expect(ids([("<|im_", true), ("end|>", true)]) == [end])
    #expect(ids([("<|im_end|", false), ("<|im_end|>", true)]).last == end)
    #expect(ids([("<|im_", false), ("<|im_end|>", true), ("end|>", false)]).filter { $0 == end }.count == 1)
  }

  @Test func wordsGoOnOverTheBoundaryOfParts() throws {
    let tokenizer = try TokenizerFixtures.small()
    let whole = tokenizer.encode("Hello there, world")
    let parts = ["Hel", "lo th", "ere, wor", "ld"].map {
      TextPart($0, parsesSpecialTokens: $0.count % 2 == 0)
    }
    #expect(tokenizer.encode(parts).map(\.id) == whole)
    #expect(tokenizer.encode([TextPart]()).isEmpty)
    #expect(tokenizer.encode([TextPart("", parsesSpecialTokens: true)]).isEmpty)
  }

  @Test func aTokenInsideACharacterStartsWithTheCharacter() throws {
    let tokenizer = try TokenizerFixtures.bytes()
    let placed = tokenizer.encode([TextPart("aé中😀", parsesSpecialTokens: false)])
    #expect(placed.map(\.start) == [0, 1, 1, 3, 3, 3, 6, 6, 6, 6])
  }

  @Test func placesCountInTheTextBeforeItIsNormalized() throws {
    let tokenizer = try TokenizerKinds.named("bert-uncased")
    let text = "É\u{1}  the\u{301} dog"
    let placed = tokenizer.encode([TextPart(text, parsesSpecialTokens: false)])
    let places = placed.map { String(decoding: Array(text.utf8)[$0.start...], as: UTF8.self) }
    #expect(tokenizer.decode(placed.map(\.id)).hasSuffix("the dog"))
    #expect(places.contains { $0.hasPrefix("the\u{301}") } && places.contains("dog"))
  }

  @Test func addedTokensStandAtTheEndsOfTheText() throws {
    let tokenizer = try TokenizerKinds.named("xlm-roberta")
    let placed = tokenizer.encode([TextPart("the dog", parsesSpecialTokens: true)], addingSpecialTokens: true)
    #expect(placed.first == PlacedToken(id: 0, start: 0))
    #expect(placed.last == PlacedToken(id: 2, start: 7))
    #expect(placed.map(\.id) == tokenizer.encode("the dog", addingSpecialTokens: true))
  }
}
