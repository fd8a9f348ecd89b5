import Foundation
import MotetTokenizers
import Testing

@Suite struct TokenizerJSONTests {
  /// The smallest file that is accepted.
  static let smallest = """
    {"added_tokens": [{"id": 3, "content": "<s>", "special": true, "lstrip": false}],
     "normalizer": null,
     "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
     "decoder": {"type": "ByteLevel"},
     "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}
    """

  /// Calls `body` with the URL of that file, one part of it replaced.
  private func withFile(
    _ old: String = "null", replacedBy new: String = "null", _ body: (URL) throws -> Void
  ) throws {
    try #require(Self.smallest.contains(old))
    try TokenizerFixtures.withFolder { folder in
      let url = folder.appending(path: "tokenizer.json")
      try Data(Self.smallest.replacing(old, with: new).utf8).write(to: url)
      try body(url)
    }
  }

  @Test(arguments: [#"["a", "b"]"#, #""a b""#])
  func readsMergesAsPairsOrAsText(merge: String) throws {
    try withFile(#"["a", "b"]"#, replacedBy: merge) { url in
      let tokenizer = try Tokenizer(tokenizerJSON: url)
      #expect(tokenizer.splitting == .gpt2)
      #expect(tokenizer.vocabularySize == 4)
      #expect(tokenizer.encode("aba<s>", parsingSpecialTokens: true) == [2, 0, 3])
      #expect(tokenizer.bos == nil)
    }
  }

  @Test func takesBeginningAndEndFromTheConfigurationBesideIt() throws {
    try withFile { url in
      try Data(#"{"bos_token": {"content": "<s>"}, "eos_token": "ab", "chat_template": [1]}"#.utf8)
        .write(to: url.deletingLastPathComponent().appending(path: "tokenizer_config.json"))
      let tokenizer = try Tokenizer(tokenizerJSON: url)
      #expect(tokenizer.bos == 3)
      #expect(tokenizer.eos == 2)
    }
  }

  @Test(arguments: [
    (#""BPE""#, #""Bigram""#, "the model type 'Bigram' (known are BPE, Unigram, WordPiece, WordLevel)"),
    (
      #""normalizer": null"#, #""normalizer": {"type": "NFX"}"#,
      "the normalizer 'NFX' (known are Sequence, NFC"
    ),
    (#""ByteLevel", "add"#, #""Blanks", "add"#, "the pre-tokenizer 'Blanks' (known are Sequence, ByteLevel"),
    (
      #""decoder": {"type": "ByteLevel"}"#, #""decoder": {"type": "CTC"}"#,
      "the decoder 'CTC' (known are Sequence, ByteLevel"
    ),
    (
      #""normalizer": null"#, #""post_processor": {"type": "Sequence", "processors": [{"type": "Tail"}]}"#,
      "the post-processor 'Tail' (known are Sequence, TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel) at "
        + "'post_processor.processors[0]'"
    ),
    (#""BPE""#, #""BPE", "dropout": 0.1"#, "BPE dropout"),
  ])
  func whatIsNotSupportedIsRefusedByName(old: String, new: String, named: String) throws {
    try withFile(old, replacedBy: new) { url in
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: url) }
      #expect(error?.description.contains(named) == true, "\(error?.description ?? "no error")")
    }
  }

  @Test(arguments: [
    (#""a": 0"#, #""a": -1"#, "do not count up from 0"),
    (#""a": 0"#, #""a": 2147483647"#, "do not count up from 0"),
    (#""a": 0"#, #""a": 1"#, "have the same id"),
    (#""id": 3"#, #""id": 2"#, "have the same id"),
    (#""a": 0"#, #""a": "x""#, "at model.vocab"),
    (#""vocab""#, #""words""#, "'vocab' is missing at model"),
    (#""model""#, #""modell""#, "'model' is missing"),
    (#""merges""#, "merges", "not valid JSON"),
    (#""merges": [["a", "b"]]"#, #""steps": 3"#, "the byte-pair model has no merges"),
    (#""add_prefix_space": false"#, #""add": 1"#, "'pre_tokenizer.add_prefix_space' is missing"),
    (#"["a", "b"]"#, #"["a", "b", "ab"]"#, "two tokens are expected"),
    (
      #""BPE""#, #""BPE", "unk_token": "z""#,
      "the model's token for unknown text, 'z', is not in the vocabulary"
    ),
    (#"["a", "b"]"#, #"["a", "c"]"#, "'c' is not in the vocabulary"),
  ])
  func whatIsMalformedIsRefused(old: String, new: String, says: String) throws {
    try withFile(old, replacedBy: new) { url in
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: url) }
      #expect(error?.description.contains(says) == true, "\(error?.description ?? "no error")")
    }
  }

  @Test func aMissingFileIsNamed() {
    let error = #expect(throws: TokenizerError.self) {
      try Tokenizer(tokenizerJSON: URL(filePath: "/nowhere/tokenizer.json"))
    }
    #expect(error?.description.contains("/nowhere/tokenizer.json") == true)
  }
}
