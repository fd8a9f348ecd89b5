import Foundation
import MotetFormats
import Testing

@testable import MotetTokenizers

/// What malformed and hostile files get: one clear line, never a trap.
@Suite struct MalformedTokenizerTests {
  private func refuses(_ json: String, saying text: String) {
    let error = #expect(throws: (any Error).self) { try Tokenizer(json: Data(json.utf8)) }
    #expect(error is TokenizerError || error is FormatError)
    let line = error.map { "\($0)" } ?? "no error"
    #expect(line.contains(text) && !line.contains("\n"), "\(line)")
  }

  private func model(_ model: String, _ more: String = "") -> String {
    "{\"model\": \(model)\(more.isEmpty ? "" : ", ")\(more)}"
  }

  private let words = #"{"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"}"#

  @Test func modelsAreChecked() {
    refuses(model(#"{"type": "BPE", "vocab": {"a": 0}, "merges": null}"#), saying: "no merges")
    refuses(
      model(#"{"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "z"]]}"#),
      saying: "'z' is not in the vocabulary")
    refuses(
      model(#"{"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}"#),
      saying: "'ab' is not in the vocabulary")
    refuses(
      model(#"{"type": "BPE", "vocab": {"a": 0, "b": 7000}, "merges": []}"#), saying: "do not count up from 0"
    )
    refuses(
      model(#"{"type": "BPE", "vocab": {"a": 0, "b": 99999999999}, "merges": []}"#),
      saying: "do not count up from 0")
    refuses(
      model(#"{"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}"#),
      saying: "the token 'a' stands at 0 and again at 1")
    refuses(model(#"{"type": "BPE", "vocab": {}, "merges": []}"#), saying: "no token")
    refuses(
      model(#"{"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "u"}"#),
      saying: "'u', is not in the vocabulary")
    refuses(model(#"{"type": "WordLevel", "vocab": {"a": 0}}"#), saying: "'model.unk_token' is missing")
    refuses(
      model(
        ###"{"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": -1}"###
      ),
      saying: "'model.max_input_chars_per_word' is not a whole number")
    refuses(model(#"{"type": "Unigram", "vocab": [["a", 0]]}"#), saying: "unk_id")
    refuses(
      model(#"{"type": "Unigram", "vocab": [["a", 0]], "unk_id": 5}"#),
      saying: "outside the vocabulary of 1 tokens")
    refuses(
      model(#"{"type": "Unigram", "vocab": [["a", "b"]], "unk_id": 0}"#),
      saying: "a token and its score were expected")
    refuses(
      model(#"{"type": "Unigram", "vocab": {"a": 0}, "unk_id": 0}"#), saying: "'model.vocab' is not a list")
    refuses(
      model(#"{"type": "BPE", "vocab": [["a", 0]], "merges": []}"#), saying: "'model.vocab' is not an object")
    refuses(#"{"added_tokens": []}"#, saying: "'model' is missing")
    refuses("[1]", saying: "an object was expected")
  }

  /// Two tokens that are equal as strings but not in their bytes are two tokens.
  @Test func tokensAreToldApartByTheirBytes() throws {
    let json = model(
      "{\"type\": \"WordLevel\", \"vocab\": {\"\u{E9}\": 0, \"e\u{301}\": 1, \"u\": 2}, \"unk_token\": \"u\"}"
    )
    let tokenizer = try Tokenizer(json: Data(json.utf8))
    #expect(tokenizer.encode("\u{E9}") == [0])
    #expect(tokenizer.encode("e\u{301}") == [1])
    let exported = try Tokenizer(json: tokenizer.tokenizerJSON())
    #expect(exported.encode("e\u{301}") == [1] && exported.encode("\u{E9}") == [0])
  }

  @Test func stepsAreChecked() {
    refuses(
      model(
        words,
        #""pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated", "invert": false}"#
      ),
      saying: "holds the regular expression '(a', which is refused: a '(' has no ')' after it")
    refuses(
      model(
        words,
        #""pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Glued", "invert": false}"#
      ),
      saying: "the behavior 'Glued' (known are Removed")
    refuses(
      model(words, #""pre_tokenizer": {"type": "Metaspace", "replacement": "ab"}"#),
      saying: "is not one character")
    refuses(
      model(words, #""pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "often"}"#),
      saying: "the prepend_scheme 'often' (known are first, never, always)")
    refuses(
      model(words, #""pre_tokenizer": {"type": "FixedLength", "length": 0}"#),
      saying: "'pre_tokenizer.length' is 0")
    refuses(
      model(words, #""pre_tokenizer": {"type": "Sequence", "pretokenizers": [3]}"#),
      saying: "'pre_tokenizer.pretokenizers[0]' is not an object")
    refuses(model(words, #""normalizer": {"type": "Prepend"}"#), saying: "'normalizer.prepend' is missing")
    refuses(
      model(words, #""normalizer": {"type": "Precompiled", "precompiled_charsmap": "!"}"#),
      saying: "is not base64")
    refuses(
      model(words, #""normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAEAAA=="}"#),
      saying: "its trie has 256 bytes of 4")
    refuses(
      model(words, #""decoder": {"type": "Strip", "content": "a", "start": 1.5, "stop": 0}"#),
      saying: "'decoder.start' is not a whole number")
    refuses(
      model(words, #""post_processor": {"type": "BertProcessing", "sep": ["a"], "cls": ["a", 0]}"#),
      saying: "'post_processor.sep' is not a token and its id")
    refuses(
      model(words, #""post_processor": {"type": "BertProcessing", "sep": ["x", 9], "cls": ["a", 0]}"#),
      saying: "the added token 9 lies outside the vocabulary of 2 tokens")
    refuses(
      model(
        words,
        #""post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "b", "type_id": 0}}], "pair": [], "special_tokens": {}}"#
      ),
      saying: "is 'b', which special_tokens lacks")
    let bert = #"{"type": "BertProcessing", "sep": ["a", 0], "cls": ["a", 0]}"#
    refuses(
      model(words, "\"post_processor\": {\"type\": \"Sequence\", \"processors\": [\(bert), \(bert)]}"),
      saying: "BertProcessing and BertProcessing one after the other")
  }

  @Test func deeplyNestedSequencesAreRefused() {
    var step = #"{"type": "NFC"}"#
    for _ in 0..<60 { step = "{\"type\": \"Sequence\", \"normalizers\": [\(step)]}" }
    let error = #expect(throws: (any Error).self) {
      try Tokenizer(json: Data(self.model(self.words, "\"normalizer\": \(step)").utf8))
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("nest"))
  }

  @Test func addedTokensAreChecked() {
    refuses(
      model(words, #""added_tokens": [{"id": 0, "content": "b"}]"#),
      saying: "'a' and 'b' in tokenizer.json have the same id, 0")
    refuses(
      model(words, #""added_tokens": [{"id": 5, "content": "a"}]"#),
      saying: "the token 'a' stands at 0 and again at 5")
    refuses(
      model(words, #""added_tokens": [{"id": 2147483646, "content": "b"}]"#), saying: "do not count up from 0"
    )
    refuses(model(words, #""added_tokens": [{"content": "b"}]"#), saying: "'added_tokens[0].id' is missing")
    refuses(model(words, #""added_tokens": 3"#), saying: "'added_tokens' is not a list")
  }

  /// Any byte of a tokenizer changed or left out gives a tokenizer or an error.
  @Test func damagedFilesNeverTrap() throws {
    let whole = Array(try Data(contentsOf: TokenizerFilesTests.folder.appending(path: "bpe.model")))
    var generator = SystemRandomNumberGenerator()
    try TokenizerFixtures.withFolder { folder in
      for round in 0..<300 {
        var bytes = whole
        if round % 2 == 0 { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &generator)) }
        for _ in 0..<(1 + round % 5) where !bytes.isEmpty {
          bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
            in: 0...255, using: &generator)
        }
        let url = folder.appending(path: "tokenizer.model")
        try Data(bytes).write(to: url)
        if let tokenizer = try? Tokenizer(sentencePiece: url) {
          _ = tokenizer.encode("Hello world <|end|> é")
        }
      }
    }
    let json = Array(try TokenizerKinds.all().first { $0.name == "xlm-roberta" }?.json.utf8 ?? "".utf8)
    for round in 0..<300 {
      var bytes = json
      for _ in 0..<(1 + round % 4) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
          in: 32...126, using: &generator)
      }
      if let tokenizer = try? Tokenizer(json: Data(bytes)) {
        _ = tokenizer.decode(tokenizer.encode("Hello world é"))
      }
    }
  }

  @Test func whatGGUFNamesWrongIsNamed() throws {
    func refuses(_ changes: [String: GGUFValue], without missing: String? = nil, saying text: String) throws {
      var metadata = try GGUFFile(contentsOf: TokenizerFilesTests.folder.appending(path: "gpt2.gguf"))
        .metadata
      for (key, value) in changes { metadata["tokenizer.ggml.\(key)"] = value }
      if let missing { metadata["tokenizer.ggml.\(missing)"] = nil }
      let fields = GGUFTokenizerFields(metadata, file: "x.gguf")
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(fields) }
      #expect(error?.description.contains(text) == true, "\(error?.description ?? "no error")")
    }
    try refuses(
      ["model": .string("rwkv")],
      saying: "the tokenizer model 'rwkv' (known are gpt2, gemma4, llama, t5, bert)")
    try refuses([:], without: "model", saying: "tokenizer.ggml.model is missing")
    try refuses(
      ["pre": .string("klingon")], saying: "the splitting 'klingon' in tokenizer.ggml.pre (known are ")
    try refuses([:], without: "merges", saying: "no merges")
    try refuses(["merges": .array(.string(["a"]))], saying: "two tokens separated by a space")
    try refuses([:], without: "tokens", saying: "tokenizer.ggml.tokens is missing")
    try refuses(["tokens": .array(.string(["a", "a"]))], saying: "400 token types")
    try refuses(["token_type": .array(.int32([1]))], saying: "400 tokens but 1 token types")
    try refuses(["bos_token_id": .uint32(400)], saying: "the beginning-of-text token 400 lies outside")
    try refuses(
      ["add_eos_token": .bool(true)], without: "eos_token_id", saying: "add_eos_token is true, but")
    try refuses(
      ["add_bos_token": .uint32(1)], saying: "tokenizer.ggml.add_bos_token is missing or of another type")
    try refuses(["model": .string("llama")], saying: "tokenizer.ggml.scores is missing")
    try refuses(
      ["model": .string("llama"), "scores": .array(.float32([1]))], saying: "400 tokens but 1 scores")
    let nan = GGUFValue.array(.float32(Array(repeating: .nan, count: 400)))
    try refuses(["model": .string("llama"), "scores": nan], saying: "a score is not a number")
    try refuses(
      ["model": .string("t5"), "scores": nan, "unknown_token_id": .uint32(0)],
      saying: "a score is not a number")
  }
}
