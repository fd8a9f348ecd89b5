import Foundation
import Testing

@testable import MotetTokenizers

/// Small tokenizers of every kind, and what `Tests/Fixtures/tokenizer_kinds.py` had Hugging Face `tokenizers` do with them.
@Suite struct TokenizerKindsTests {
  @Test(arguments: try TokenizerKinds.all()) func encodesAndDecodesAsTheReferenceDoes(
    kind: TokenizerKinds.Kind
  ) throws {
    let tokenizer = try kind.tokenizer()
    let texts = try TokenizerKinds.texts()
    try #require(texts.count == kind.lines.count && texts.count >= 40)
    for (text, line) in zip(texts, kind.lines) {
      #expect(line.difference(from: tokenizer, text) == nil, "\(text.debugDescription)")
    }
    try #require(kind.decodings.count >= 20)
    for row in kind.decodings { #expect(row.difference(from: tokenizer) == nil, "\(row.ids)") }
  }

  @Test(arguments: try TokenizerKinds.all()) func putsTheSameTokensAroundOneTextAndTwo(
    kind: TokenizerKinds.Kind
  ) throws {
    let tokenizer = try kind.tokenizer()
    for pair in kind.pairs {
      let encoded = tokenizer.encode(
        pair.first, with: pair.second, parsingSpecialTokens: true, addingSpecialTokens: pair.special)
      #expect(encoded.ids == pair.ids, "\(pair)")
      #expect(encoded.typeIDs == pair.types, "\(pair)")
      if pair.second == nil {
        let ids = tokenizer.encode(pair.first, parsingSpecialTokens: true, addingSpecialTokens: pair.special)
        #expect(ids == pair.ids)
      }
    }
  }

  /// What is written out and read again is the same tokenizer.
  @Test(arguments: try TokenizerKinds.all()) func writesItselfOut(kind: TokenizerKinds.Kind) throws {
    let exported = try Tokenizer(json: kind.tokenizer().tokenizerJSON())
    for (text, line) in zip(try TokenizerKinds.texts(), kind.lines) {
      #expect(line.difference(from: exported, text) == nil, "\(text.debugDescription)")
    }
  }

  @Test(arguments: try TokenizerKinds.all()) func placesOfTokensAreThoseOfTheirCharacters(
    kind: TokenizerKinds.Kind
  ) throws {
    let tokenizer = try kind.tokenizer()
    for text in try TokenizerKinds.texts() {
      let placed = tokenizer.encode([TextPart(text, parsesSpecialTokens: true)])
      #expect(placed.map(\.id) == tokenizer.encode(text, parsingSpecialTokens: true))
      let utf8 = Array(text.utf8)
      var before = 0
      for token in placed {
        #expect(token.start >= before && token.start < utf8.count, "\(text.debugDescription)")
        if token.start < utf8.count {
          #expect(utf8[token.start] & 0xC0 != 0x80, "inside a character of \(text.debugDescription)")
        }
        before = token.start
      }
    }
  }

  /// However a text is cut into parts, it is one text.
  @Test(arguments: try TokenizerKinds.all()) func partsMakeOneText(kind: TokenizerKinds.Kind) throws {
    let tokenizer = try kind.tokenizer()
    for text in try TokenizerKinds.texts() {
      for parses in [true, false] {
        let whole = tokenizer.encode([TextPart(text, parsesSpecialTokens: parses)])
        for step in [1, 3, 7] {
          let scalars = Array(text.unicodeScalars)
          let parts = stride(from: 0, to: scalars.count, by: step).map { start in
            var part = String.UnicodeScalarView()
            part.append(contentsOf: scalars[start..<min(start + step, scalars.count)])
            return TextPart(String(part), parsesSpecialTokens: parses)
          }
          #expect(tokenizer.encode(parts) == whole, "\(text.debugDescription) by \(step)")
        }
      }
    }
  }
}

/// The fixture `tokenizer-kinds.json`.
enum TokenizerKinds {
  struct Kind: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    /// `tokenizer.json`
    let json: String
    let lines: [Line]
    let pairs: [Pair]
    let decodings: [Decoding]

    var testDescription: String { name }

    func tokenizer() throws -> Tokenizer { try Tokenizer(json: Data(json.utf8)) }
  }

  /// The ids of a text: with special tokens parsed, and without where that differs. `decoded` stands where decoding does
  /// not give the text, `skipped` where leaving special tokens out does not give what decoding does.
  struct Line: Decodable, Sendable {
    let ids: [Int32]
    let plain: [Int32]?
    let decoded: String?
    let skipped: String?

    /// What our tokenizer does otherwise; nil for nothing.
    func difference(from tokenizer: Tokenizer, _ text: String) -> String? {
      let parsed = tokenizer.encode(text, parsingSpecialTokens: true)
      if parsed != ids { return "parsed \(parsed) instead of \(ids)" }
      let plain = tokenizer.encode(text)
      if plain != self.plain ?? ids { return "plain \(plain) instead of \(self.plain ?? ids)" }
      let decoded = self.decoded ?? text
      return Decoding(ids: ids, text: decoded, skipping: skipped ?? decoded).difference(from: tokenizer)
    }
  }

  struct Decoding: Decodable, Sendable {
    let ids: [Int32]
    let text: String
    let skipping: String

    func difference(from tokenizer: Tokenizer) -> String? {
      for (skipping, expected) in [(false, text), (true, self.skipping)] {
        let whole = tokenizer.decode(ids, skippingSpecialTokens: skipping)
        if !whole.utf8.elementsEqual(expected.utf8) {
          return "decoded \(whole.debugDescription) instead of \(expected.debugDescription)"
        }
        var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: skipping)
        let streamed = ids.map { decoder.append($0) }.joined() + decoder.finish()
        if !streamed.utf8.elementsEqual(expected.utf8) {
          return "streamed \(streamed.debugDescription) instead of \(expected.debugDescription)"
        }
      }
      return nil
    }
  }

  struct Pair: Decodable, Sendable {
    let first: String
    let second: String?
    let special: Bool
    let ids: [Int32]
    let types: [Int32]
  }

  private struct Contents: Decodable {
    let texts: [String]
    let kinds: [Kind]
  }

  private static let contents = Result {
    try TokenizerFixtures.read("tokenizer-kinds.json", as: Contents.self)
  }

  static func all() throws -> [Kind] { try contents.get().kinds }
  static func texts() throws -> [String] { try contents.get().texts }

  static func named(_ name: String) throws -> Tokenizer {
    guard let kind = try all().first(where: { $0.name == name }) else { throw CocoaError(.fileNoSuchFile) }
    return try kind.tokenizer()
  }
}

extension Tokenizer {
  /// A tokenizer from the text of a `tokenizer.json`.
  init(json: Data) throws {
    let contents = try json.withUnsafeBytes { try TokenizerJSON($0, file: "tokenizer.json") }
    try self.init(contents.parts(nil))
  }
}
