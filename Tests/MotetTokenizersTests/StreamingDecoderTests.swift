import MotetTokenizers
import Testing

/// What the decoder of a stream holds back, and that it holds back no more than it must. (That its pieces make the whole is
/// checked with every decoding of the fixtures.)
@Suite struct StreamingDecoderTests {
  private func pieces(_ tokenizer: Tokenizer, _ tokens: [String]) throws -> [String] {
    var decoder = StreamingDecoder(tokenizer)
    return try tokens.map { decoder.append(try #require(tokenizer.id(of: $0))) } + [decoder.finish()]
  }

  @Test func theFirstSpaceGoesAndOthersStay() throws {
    let llama = try TokenizerKinds.named("llama2")
    #expect(try pieces(llama, ["▁the", "▁the", "r"]) == ["the", " the", "r", ""])
    // Gemma puts no space before a text.
    #expect(try pieces(TokenizerKinds.named("gemma"), ["▁the", "▁the"]) == [" the", " the", ""])
  }

  /// One byte that does not fit makes every byte of its run U+FFFD, so that a run waits for what follows it.
  @Test func aRunOfByteTokensWaitsForItsEnd() throws {
    let llama = try TokenizerKinds.named("llama2")
    #expect(try pieces(llama, ["a", "<0xE4>", "<0xB8>", "<0xAD>", "b"]) == ["a", "", "", "", "中b", ""])
    #expect(try pieces(llama, ["a", "<0xC3>", "<0xA9>", "<0xE4>", "b"]) == ["a", "", "", "", "���b", ""])
    #expect(try pieces(llama, ["<0xC3>", "<0xA9>"]) == ["", "", "é"])
  }

  @Test func theEndOfAWordWaitsForTheNext() throws {
    let gpt = try TokenizerKinds.named("openai-gpt")
    #expect(try pieces(gpt, ["the</w>", "a</w>"]) == ["the", " a", ""])
  }

  @Test func wordPiecesWaitForNothing() throws {
    let bert = try TokenizerKinds.named("bert-uncased")
    #expect(try pieces(bert, ["the", "a", "##s", "."]) == ["the", " a", "s", ".", ""])
  }

  @Test func bytesAreWhatATokenAddsToTheMiddleOfAText() throws {
    func inside(_ kind: String, _ token: String) throws -> String {
      let tokenizer = try TokenizerKinds.named(kind)
      return String(decoding: tokenizer.bytes(of: try #require(tokenizer.id(of: token))), as: UTF8.self)
    }
    #expect(try inside("llama2", "▁the") == " the")
    #expect(try inside("llama2", "<0x41>") == "A")
    #expect(try inside("bert-uncased", "the") == " the")
    #expect(try inside("bert-uncased", "##s") == "s")
    #expect(try inside("openai-gpt", "the</w>") == "the ")
    #expect(try inside("xlm-roberta", "▁the") == " the")
    #expect(try inside("gpt2", "Ġthe") == " the")
    #expect(try inside("word-level", "the") == " the")
  }

  /// The bytes of tokens put end to end are the text, but for the space before it and what the end of a word does.
  @Test(arguments: ["gpt2", "llama3", "qwen2", "llama2", "gemma", "unigram-bytes"])
  func bytesOfTokensMakeTheText(kind: String) throws {
    let tokenizer = try TokenizerKinds.named(kind)
    for text in ["The quick dog", "def f(x):\n    return 1", "日本語 😀 é"] {
      let ids = tokenizer.encode(text)
      let bytes = ids.flatMap { Array(tokenizer.bytes(of: $0)) }
      let decoded = tokenizer.decode(ids)
      #expect([decoded, " " + decoded].contains(String(decoding: bytes, as: UTF8.self)))
    }
  }

  @Test(arguments: try TokenizerKinds.all()) func theFewestTokensAreNeverMoreThanThereAre(
    kind: TokenizerKinds.Kind
  ) throws {
    let tokenizer = try kind.tokenizer()
    for text in try TokenizerKinds.texts() {
      #expect(tokenizer.fewestTokens(in: text) <= tokenizer.encode(text).count, "\(text.debugDescription)")
    }
    let long = String(repeating: "the dog ", count: 500)
    if ["gpt2", "llama3", "qwen2", "llama2", "gemma"].contains(kind.name) {
      #expect(tokenizer.fewestTokens(in: long) > 50)
    }
  }
}
