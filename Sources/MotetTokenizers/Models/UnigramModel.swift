import MotetFormats

/// Of all ways to cut a word into tokens the one with the greatest sum of scores. Source: Kudo 2018, "Subword
/// Regularization", section 3.2; the search is Viterbi's, as in SentencePiece's `EncodeOptimized`.
struct UnigramModel: TokenModel {
  static let type = "Unigram"

  /// How much less than the least score an unknown character scores.
  private static let unknownPenalty = 10.0

  private let vocabulary: Vocabulary
  private let scores: [Double]
  private let trie: ByteTrie
  private let unknown: Int32
  private let unknownScore: Double
  /// The tokens `<0x00>` to `<0xFF>`, -1 for one that is missing; empty when unknown characters are not written in bytes.
  private let byteTokens: [Int32]

  init(_ fields: StepFields, _ parts: ModelParts) throws {
    guard fields.present("unk_id") != nil else { throw TokenizerError.missingUnknown("unk_id") }
    try self.init(
      parts, unknown: fields.count("unk_id"), fallsBackToBytes: fields.bool("byte_fallback", or: false))
  }

  /// - Parameter isPiece: whether the token of an id is found in a text; those that are not only have an id
  init(
    _ parts: ModelParts, unknown: Int, fallsBackToBytes: Bool, isPiece: (Int) -> Bool = { _ in true }
  ) throws {
    vocabulary = parts.vocabulary
    scores = parts.scores
    guard scores.count <= vocabulary.count else {
      throw TokenizerError.malformedVocabulary(
        reason: "\(vocabulary.count) tokens but \(scores.count) scores")
    }
    guard unknown < scores.count else {
      throw TokenizerError.specialTokenOutOfRange(
        name: "unknown", id: unknown, vocabularySize: scores.count)
    }
    guard scores.allSatisfy({ !$0.isNaN }) else {
      throw TokenizerError.malformedVocabulary(reason: "a score is not a number")
    }
    self.unknown = Int32(unknown)
    let vocabulary = vocabulary
    trie = ByteTrie(scores.indices.filter(isPiece).map { (vocabulary.utf8($0), Int32($0)) })
    let least = scores.indices.lazy.filter(isPiece).map { [scores] in scores[$0] }.min() ?? 0
    unknownScore = least - Self.unknownPenalty
    byteTokens = fallsBackToBytes ? vocabulary.byteTokens : []
  }

  var fields: [String: JSONValue] {
    ["unk_id": .int(Int(unknown)), "byte_fallback": .bool(!byteTokens.isEmpty)]
  }

  func vocabularyMembers(of vocabulary: Vocabulary) -> [JSONTree.Member] {
    let pieces = scores.indices.map { JSONValue.array([.string(vocabulary[$0]), .double(scores[$0])]) }
    return [JSONTree.Member(name: "vocab", value: .leaf(.array(pieces)))]
  }

  func tokenize(_ words: Words, into output: inout TokenOutput) {
    var lattice = Lattice()
    words.text.withBytes { bytes in
      for word in words.ranges {
        search(word, bytes, &lattice)
        for piece in lattice.pieces.reversed() { append(piece, bytes, words.text, to: &output) }
      }
    }
  }

  /// The best way to each place of a word.
  private struct Lattice {
    var scores: [Double] = []
    var starts: [Int32] = []
    var ids: [Int32] = []
    /// The best way to the end, from its end on. Unknown characters in a row are one piece.
    var pieces: [(id: Int32, range: Range<Int>)] = []
  }

  private func search(_ word: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>, _ lattice: inout Lattice) {
    let count = word.count
    lattice.scores.removeAll(keepingCapacity: true)
    lattice.starts.removeAll(keepingCapacity: true)
    lattice.ids.removeAll(keepingCapacity: true)
    lattice.scores.append(contentsOf: repeatElement(0, count: count + 1))
    lattice.starts.append(contentsOf: repeatElement(-1, count: count + 1))
    lattice.ids.append(contentsOf: repeatElement(0, count: count + 1))
    func offer(_ id: Int32, _ score: Double, from start: Int, to end: Int) {
      if lattice.starts[end] < 0 || score > lattice.scores[end] {
        lattice.scores[end] = score
        lattice.starts[end] = Int32(truncatingIfNeeded: start)
        lattice.ids[end] = id
      }
    }
    var start = 0
    while start < count {
      let score = lattice.scores[start]
      let length = bytes.scalar(at: word.lowerBound + start).end - word.lowerBound - start
      var hasCharacter = false
      var node = ByteTrie.root
      var end = start
      while end < count {
        node = trie.child(of: node, bytes[word.lowerBound + end])
        if node < 0 { break }
        end += 1
        let id = trie.value(at: node)
        if id >= 0 {
          offer(id, score + scores[Int(id)], from: start, to: end)
          if end - start == length { hasCharacter = true }
        }
      }
      if !hasCharacter { offer(unknown, score + unknownScore, from: start, to: start + length) }
      start += length
    }
    lattice.pieces.removeAll(keepingCapacity: true)
    var end = count
    while end > 0 {
      let start = Int(lattice.starts[end])
      let range = (word.lowerBound + start)..<(word.lowerBound + end)
      let id = lattice.ids[end]
      if id == unknown, let last = lattice.pieces.last, last.id == unknown,
        last.range.lowerBound == range.upperBound
      {
        lattice.pieces[lattice.pieces.count - 1].range = range.lowerBound..<last.range.upperBound
      } else {
        lattice.pieces.append((id, range))
      }
      end = start
    }
  }

  private func append(
    _ piece: (id: Int32, range: Range<Int>), _ bytes: UnsafeBufferPointer<UInt8>, _ text: AlignedText,
    to output: inout TokenOutput
  ) {
    guard piece.id == unknown else { return output.append(piece.id, at: piece.range.lowerBound, of: text) }
    if let id = vocabulary.id(of: UnsafeBufferPointer(rebasing: bytes[piece.range])),
      scores.indices.contains(Int(id))
    {
      return output.append(id, at: piece.range.lowerBound, of: text)
    }
    guard !byteTokens.isEmpty, bytes[piece.range].allSatisfy({ byteTokens[Int($0)] >= 0 }) else {
      return output.append(unknown, at: piece.range.lowerBound, of: text)
    }
    for index in piece.range { output.append(byteTokens[Int(bytes[index])], at: index, of: text) }
  }
}

extension Vocabulary {
  /// The ids of the tokens `<0x00>` to `<0xFF>`, -1 for one that is missing.
  var byteTokens: [Int32] {
    (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return id(of: "<0x" + (digits.count < 2 ? "0" : "") + digits + ">") ?? -1
    }
  }
}
