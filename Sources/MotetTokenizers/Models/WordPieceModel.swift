import MotetFormats

/// From the start of a word the longest token, then the longest one that goes on, and so on; a word that this does not
/// cover is the unknown token. Source: Devlin et al. 2019, "BERT"; github.com/google-research/bert, `tokenization.py`.
struct WordPieceModel: TokenModel {
  static let type = "WordPiece"

  /// Stands before tokens that go on: `##`.
  let prefix: String
  /// Longer words are unknown.
  let longestWord: Int
  private let unknown: Int32
  private let unknownToken: String
  private let beginnings: ByteTrie
  private let continuations: ByteTrie

  init(_ fields: StepFields, _ parts: ModelParts) throws {
    try self.init(
      parts, unknown: fields.string("unk_token"), prefix: fields.string("continuing_subword_prefix"),
      longestWord: fields.count("max_input_chars_per_word"))
  }

  init(_ parts: ModelParts, unknown unknownToken: String, prefix: String, longestWord: Int = 100) throws {
    self.prefix = prefix
    self.longestWord = longestWord
    self.unknownToken = unknownToken
    guard let unknown = parts.vocabulary.id(of: unknownToken) else {
      throw TokenizerError.missingUnknown(unknownToken)
    }
    self.unknown = unknown
    var all: [(ArraySlice<UInt8>, Int32)] = []
    var going: [(ArraySlice<UInt8>, Int32)] = []
    let head = Array(prefix.utf8)
    for id in 0..<parts.vocabulary.count {
      let token = parts.vocabulary.utf8(id)
      all.append((token, Int32(id)))
      if token.starts(with: head) { going.append((token.dropFirst(head.count), Int32(id))) }
    }
    beginnings = ByteTrie(all)
    continuations = ByteTrie(going)
  }

  var fields: [String: JSONValue] {
    [
      "unk_token": .string(unknownToken), "continuing_subword_prefix": .string(prefix),
      "max_input_chars_per_word": .int(longestWord),
    ]
  }

  func tokenize(_ words: Words, into output: inout TokenOutput) {
    var pieces: [(id: Int32, start: Int)] = []
    words.text.withBytes { bytes in
      for word in words.ranges {
        pieces.removeAll(keepingCapacity: true)
        if !isTooLong(word, bytes), cut(word, bytes, into: &pieces) {
          for piece in pieces { output.append(piece.id, at: piece.start, of: words.text) }
        } else {
          output.append(unknown, at: word.lowerBound, of: words.text)
        }
      }
    }
  }

  private func isTooLong(_ word: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard word.count > longestWord else { return false }
    return bytes[word].reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) } > longestWord
  }

  private func cut(
    _ word: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>, into pieces: inout [(id: Int32, start: Int)]
  ) -> Bool {
    var start = word.lowerBound
    while start < word.upperBound {
      let trie = start == word.lowerBound ? beginnings : continuations
      guard let (end, id) = trie.longestMatch(in: bytes, from: start, to: word.upperBound) else {
        return false
      }
      pieces.append((id, start))
      start = end
    }
    return true
  }
}
