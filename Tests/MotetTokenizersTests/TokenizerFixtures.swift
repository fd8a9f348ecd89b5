import Foundation
import MotetTokenizers

/// What `Tests/Fixtures/tokenizer.py` made with Hugging Face `tokenizers`.
enum TokenizerFixtures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")

  /// Where the real model is, if it is installed.
  static let model: URL = {
    let home = ProcessInfo.processInfo.environment["MOTET_HOME"].map { URL(filePath: $0) }
    let folder = home ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".motet")
    return folder.appending(path: "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")
  }()

  /// A text and its ids: with special tokens parsed, and without where that differs. `decoded` stands where
  /// the vocabulary lacks a byte of the text.
  struct Line: Decodable {
    let text: String
    let ids: [Int32]
    let plain: [Int32]?
    let decoded: String?

    /// Whether encoding the text and decoding its ids gives what Hugging Face gives.
    func agrees(with tokenizer: Tokenizer) -> Bool {
      let parsed = tokenizer.encode(text, parsingSpecialTokens: true)
      let plain = tokenizer.encode(text)
      return parsed == ids && plain == self.plain ?? ids
        && [parsed, plain].allSatisfy {
          tokenizer.decode($0).utf8.elementsEqual((decoded ?? text).utf8)
        }
    }
  }

  struct Decoding: Decodable {
    let ids: [Int32]
    let text: String
    let skipping: String
  }

  struct Conversation: Decodable {
    let messages: [ChatMessage]
    let addGenerationPrompt: Bool
    let text: String
    let ids: [Int32]
    let labelled: [Bool]
  }

  struct Conversations: Decodable {
    let template: String
    let rows: [Conversation]
  }

  static func read<Contents: Decodable>(_ name: String, as type: Contents.Type) throws -> Contents {
    try JSONDecoder().decode(Contents.self, from: Data(contentsOf: folder.appending(path: name)))
  }

  /// A trained tokenizer of 700 tokens that needs no model.
  static func small() throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: folder.appending(path: "tokenizer-small.json"))
  }

  /// A tokenizer of the 256 bytes, then the tokens given, and no merges.
  static func bytes(and more: [String] = [], types: [Int] = []) throws -> Tokenizer {
    let alphabet = [33...126, 161...172, 174...255, 256...323].flatMap { Array($0) }
    let tokens = alphabet.compactMap { Unicode.Scalar($0) }.map { String($0) } + more
    return try Tokenizer(
      tokens: tokens, merges: [], tokenTypes: Array(repeating: 1, count: 256) + types, splitting: .gpt2,
      bos: nil, eos: nil)
  }

  /// Calls `body` with an empty folder that is removed afterwards.
  static func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }
}
