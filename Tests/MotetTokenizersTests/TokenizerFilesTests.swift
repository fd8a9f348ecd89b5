import Foundation
import MotetFormats
import Testing

@testable import MotetTokenizers

/// Tokenizers in the files that `Tests/Fixtures/tokenizer_files.py` wrote: GGUF, SentencePiece models, plain vocabularies.
@Suite struct TokenizerFilesTests {
  struct Expected: Decodable {
    struct Kind: Decodable {
      /// nil for texts for which the writers of the reference disagree
      let ids: [[Int32]?]
      let full: [[Int32]]?
      let decoded: [String]
    }

    let texts: [String]
    let llama: Kind
    let t5: Kind
    let bert: Kind
    let gpt2: Kind
  }

  static let folder = TokenizerFixtures.folder.appending(path: "tokenizer-files")

  static func expected() throws -> Expected {
    try TokenizerFixtures.read("tokenizer-files/expected.json", as: Expected.self)
  }

  static func gguf(_ name: String) throws -> Tokenizer {
    try Tokenizer(gguf: GGUFFile(contentsOf: folder.appending(path: "\(name).gguf")))
  }

  private func check(_ tokenizer: Tokenizer, _ kind: Expected.Kind, least: Int = 40) throws {
    let texts = try Self.expected().texts
    try #require(kind.ids.count == texts.count && kind.ids.compactMap { $0 }.count >= least)
    for (index, text) in texts.enumerated() {
      guard let ids = kind.ids[index] else { continue }
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
      #expect(tokenizer.decode(ids).utf8.elementsEqual(kind.decoded[index].utf8), "\(text.debugDescription)")
      if let full = kind.full {
        #expect(
          tokenizer.encode(text, parsingSpecialTokens: true, addingSpecialTokens: true) == full[index],
          "\(text.debugDescription)")
      }
    }
  }

  @Test func byteLevelPairsInGGUFAreRead() throws { try check(Self.gguf("gpt2"), Self.expected().gpt2) }
  @Test func wordPiecesInGGUFAreRead() throws { try check(Self.gguf("bert"), Self.expected().bert) }
  @Test func sentencePiecePairsInGGUFAreRead() throws { try check(Self.gguf("llama"), Self.expected().llama) }
  @Test func unigramPiecesInGGUFAreRead() throws { try check(Self.gguf("t5"), Self.expected().t5) }

  @Test func aSentencePieceModelOfPairsIsRead() throws {
    try check(Tokenizer(sentencePiece: Self.folder.appending(path: "bpe.model")), Self.expected().llama)
  }

  @Test func aSentencePieceModelOfUnigramPiecesIsRead() throws {
    try check(Tokenizer(sentencePiece: Self.folder.appending(path: "unigram.model")), Self.expected().t5)
  }

  @Test func aFolderWithVocabularyAndMergesIsRead() throws {
    let tokenizer = try Tokenizer(folder: Self.folder.appending(path: "gpt2"))
    try check(tokenizer, Self.expected().gpt2)
    #expect(tokenizer.splitting == .gpt2)
    #expect(tokenizer.bos == tokenizer.id(of: "<|begin|>") && tokenizer.eos == tokenizer.id(of: "<|end|>"))
  }

  @Test func aFolderWithALineForEachTokenIsRead() throws {
    let tokenizer = try Tokenizer(folder: Self.folder.appending(path: "bert"))
    try check(tokenizer, Self.expected().bert)
    #expect(tokenizer.specialTokens.classification == 2 && tokenizer.specialTokens.separator == 3)
  }

  @Test(arguments: ["gpt2", "bert", "llama", "t5"]) func whatGGUFHoldsIsWrittenOutForTransformers(
    name: String
  ) throws {
    let tokenizer = try Self.gguf(name)
    let exported = try Tokenizer(json: tokenizer.tokenizerJSON())
    for text in try Self.expected().texts {
      for adding in [true, false] {
        let ids = tokenizer.encode(text, parsingSpecialTokens: true, addingSpecialTokens: adding)
        #expect(exported.encode(text, parsingSpecialTokens: true, addingSpecialTokens: adding) == ids)
        #expect(exported.decode(ids) == tokenizer.decode(ids))
      }
    }
  }

  @Test func theConfigurationNamesTheSpecialTokens() throws {
    let beside = try Self.gguf("bert").configurationJSON(
      chatTemplate: "{{ x }}", pad: nil, maximumLength: 512)
    let text = String(decoding: beside.configuration, as: UTF8.self)
    let configuration = try JSONText(Array(text.utf8), name: "configuration").value()
    guard case .object(let members) = configuration else { throw CocoaError(.coderInvalidValue) }
    #expect(members["pad_token"] == .string("[PAD]") && members["mask_token"] == .string("[MASK]"))
    #expect(members["cls_token"] == .string("[CLS]") && members["unk_token"] == .string("[UNK]"))
    #expect(members["model_max_length"] == .int(512) && members["chat_template"] == .string("{{ x }}"))
  }

  @Test func aFolderWithoutATokenizerSaysWhatIsExpected() throws {
    try TokenizerFixtures.withFolder { folder in
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder) }
      #expect(error?.description.contains("none of tokenizer.json, tokenizer.model") == true)
    }
  }

  /// Splittings that GGUF files name, each beside a tokenizer of its family that agrees with the reference.
  @Test(arguments: [
    ("gpt-2", "gpt2"), ("smollm", "smollm"), ("starcoder", "smollm"), ("llama-bpe", "llama3"),
    ("dbrx", "llama3"),
    ("qwen2", "qwen2"), ("gpt-4o", "o200k"), ("deepseek-v3", "deepseek3"),
    ("deepseek-coder", "deepseek-coder"),
    ("falcon", "falcon"), ("bloom", "bloom"), ("tiny_aya", "tiny-aya"), ("superbpe", "superbpe"),
  ]) func namedSplittingsAreThoseOfTheirFamilies(name: String, kind: String) throws {
    let splitting = try #require(NamedSplitting.all[name])
    let family = try TokenizerKinds.named(kind)
    for text in try TokenizerKinds.texts() {
      #expect(
        PipelineStepTests.pieces(of: text, by: try splitting.splitters())
          == PipelineStepTests.pieces(of: text, by: family.splitters), "\(text.debugDescription)")
    }
  }

  @Test func everyNamedSplittingKeepsTheWholeText() throws {
    try #require(NamedSplitting.all.count > 60)
    for (name, splitting) in NamedSplitting.all where splitting.isByteLevel {
      for text in try TokenizerKinds.texts() {
        let pieces = PipelineStepTests.pieces(of: text, by: try splitting.splitters()).joined()
        #expect(ByteAlphabet.decode(pieces.utf8) == Array(text.utf8), "\(name): \(text.debugDescription)")
      }
    }
  }
}
