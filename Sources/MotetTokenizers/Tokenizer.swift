/// A byte-level BPE tokenizer: text to token ids and back.
///
///     let tokenizer = try Tokenizer(tokenizerJSON: URL(filePath: "SmolLM2/tokenizer.json"))
///     tokenizer.encode("Hello world")            // [19556, 905]
///     tokenizer.decode([19556, 905])             // "Hello world"
///
/// The text is cut into words by a ``Splitting``, each word becomes its UTF-8 bytes, and bytes are merged in
/// the order the merges were learnt (Radford et al. 2019, "Language Models are Unsupervised Multitask
/// Learners", section 2.2). The ids equal those of Hugging Face `tokenizers`, without the beginning-of-text
/// token some of its post-processors add.
public struct Tokenizer: Sendable {
  /// How text is cut into words.
  public let splitting: Splitting
  /// The beginning-of-text token's id, if the model names one.
  public let bos: Int32?
  /// The end-of-text (in a chat model: end-of-turn) token's id, if the model names one.
  public let eos: Int32?

  let tokens: [String]
  private let ids: [String: Int32]
  private let byteTokens: [Int32]
  let merges: MergeTable
  private let isSpecial: [Bool]
  private let userDefined: AddedTokens
  private let withSpecial: AddedTokens
  /// Whether the token of an id is matched whole: special or user-defined.
  let isAdded: [Bool]
  /// The bytes of all tokens end to end, and where each token's start.
  private let bytes: [UInt8]
  private let byteOffsets: [Int]
  /// Bytes of the longest token that is not special, at least 1.
  private let longestToken: Int
  /// Whether there are bytes without a token.
  private let lacksBytes: Bool

  /// A tokenizer from a vocabulary and merges as a GGUF file holds them.
  ///
  /// - Parameters:
  ///   - tokens: the vocabulary, in the byte alphabet of GPT-2; the index is the id. An empty string is an id
  ///     without a token.
  ///   - merges: pairs of tokens separated by one space, in the order they were learnt.
  ///   - tokenTypes: one for each token: 3 for a special ("control") token, matched only when special tokens
  ///     are parsed; 4 for a user-defined one, always matched whole; anything else for a normal one. May be
  ///     empty: all normal.
  ///   - bos: the beginning-of-text id.
  ///   - eos: the end-of-text id.
  /// - Throws: ``TokenizerError`` when the parts do not fit together.
  public init(
    tokens: [String], merges: [String], tokenTypes: [Int], splitting: Splitting, bos: Int?, eos: Int?
  ) throws {
    guard !tokens.isEmpty, tokens.count <= Int(Int32.max) else {
      throw TokenizerError.malformedVocabulary(reason: "\(tokens.count) tokens")
    }
    guard tokenTypes.isEmpty || tokenTypes.count == tokens.count else {
      throw TokenizerError.malformedVocabulary(
        reason: "\(tokens.count) tokens but \(tokenTypes.count) token types")
    }
    var ids: [String: Int32] = [:]
    ids.reserveCapacity(tokens.count)
    for (id, token) in tokens.enumerated() where !token.isEmpty {
      if let other = ids.updateValue(Int32(id), forKey: token) {
        throw TokenizerError.duplicateToken(token, Int(other), id)
      }
    }
    var table = MergeTable(capacity: merges.count)
    for (rank, merge) in merges.enumerated() {
      try Self.insert(merge, rank: rank, ids: ids, into: &table)
    }
    let special = tokens.indices.map { !tokenTypes.isEmpty && tokenTypes[$0] == 3 }
    let added = tokens.indices.map { special[$0] || (!tokenTypes.isEmpty && tokenTypes[$0] == 4) }
    var bytes: [UInt8] = []
    var byteOffsets = [0]
    byteOffsets.reserveCapacity(tokens.count + 1)
    for (id, token) in tokens.enumerated() {
      bytes.append(contentsOf: added[id] ? Array(token.utf8) : ByteAlphabet.decode(token))
      byteOffsets.append(bytes.count)
    }
    self.splitting = splitting
    self.bos = try Self.checked(bos, name: "beginning-of-text", vocabularySize: tokens.count)
    self.eos = try Self.checked(eos, name: "end-of-text", vocabularySize: tokens.count)
    self.tokens = tokens
    self.ids = ids
    self.byteTokens = ByteAlphabet.scalars.map { ids[String($0)] ?? -1 }
    self.merges = table
    self.isSpecial = special
    self.isAdded = added
    self.bytes = bytes
    self.byteOffsets = byteOffsets
    // Special tokens do not come of text that a user wrote.
    longestToken = tokens.indices.lazy.filter { !special[$0] }.reduce(1) {
      max($0, byteOffsets[$1 + 1] - byteOffsets[$1])
    }
    lacksBytes = byteTokens.contains { $0 < 0 }
    let found = tokens.indices.lazy.filter { added[$0] }.map { (text: tokens[$0], id: Int32($0)) }
    self.withSpecial = AddedTokens(found)
    self.userDefined = AddedTokens(found.filter { !special[Int($0.id)] })
  }

  /// The number of ids, those without a token included.
  public var vocabularySize: Int { tokens.count }

  /// The id of a token written as in the vocabulary (a space is `Ġ`).
  public func id(of token: String) -> Int32? { ids[token] }

  /// The token of an id, written as in the vocabulary (a space is `Ġ`).
  public func token(_ id: Int32) -> String? {
    guard tokens.indices.contains(Int(id)), !tokens[Int(id)].isEmpty else { return nil }
    return tokens[Int(id)]
  }

  /// Whether the id is that of a special ("control") token.
  public func isSpecial(_ id: Int32) -> Bool {
    isSpecial.indices.contains(Int(id)) && isSpecial[Int(id)]
  }

  /// How many tokens `text` has at the least, special ones not parsed: its bytes divided by those of the longest token. Told in a small part of the
  /// time that ``encode(_:parsingSpecialTokens:)`` takes, so that a text that cannot fit is not encoded.
  public func fewestTokens(in text: String) -> Int {
    var text = text
    return text.withUTF8 { utf8 in
      guard utf8.count > longestToken else { return utf8.isEmpty ? 0 : 1 }
      // A byte that the vocabulary lacks is left out of the tokens.
      let kept = lacksBytes ? utf8.reduce(0) { $0 + (byteTokens[Int($1)] >= 0 ? 1 : 0) } : utf8.count
      return (kept + longestToken - 1) / longestToken
    }
  }

  /// The tokens of `text`. Linear in its length, also for a run of white space, but for other words of many thousand
  /// letters (n log n).
  ///
  /// - Parameters:
  ///   - text: any text. A control character whose byte the vocabulary lacks is left out (SmolLM2 lacks
  ///     U+0004, 06, 13, 14, 16 and 1D), as in Hugging Face `tokenizers`.
  ///   - parsingSpecialTokens: whether `<|im_end|>` in the text is the special token, as it is by default
  ///     in Hugging Face `tokenizers`, or the ten characters it is written with. Never pass true for text
  ///     that a user wrote.
  public func encode(_ text: String, parsingSpecialTokens: Bool = false) -> [Int32] {
    var text = text
    return text.withUTF8 { encode($0, added: parsingSpecialTokens ? withSpecial : userDefined) }
  }

  /// The tokens of several stretches that make one text, each with the place at which it starts.
  ///
  /// The stretches are cut into words as one text: there is no seam between two of them, unless a special token
  /// stands there. Special tokens are found only within parts that parse them.
  ///
  /// - Parameters:
  ///   - parts: the stretches in their order
  ///   - addingSpecialTokens: whether the tokens are added that the post-processor puts around a text
  public func encode(_ parts: [TextPart], addingSpecialTokens: Bool = false) -> [PlacedToken] {
    var text = parts.map(\.text).joined()
    var runs: [(end: Int, parses: Bool)] = []
    var end = 0
    for part in parts {
      end += part.text.utf8.count
      if runs.last?.parses == part.parsesSpecialTokens { runs.removeLast() }
      runs.append((end, part.parsesSpecialTokens))
    }
    return text.withUTF8 { utf8 in
      var placed: [PlacedToken] = []
      func append(_ ids: [Int32], from start: Int) {
        var position = start
        for id in ids {
          var first = min(position, utf8.count)
          while first > start, first < utf8.count, utf8[first] & 0xC0 == 0x80 { first -= 1 }
          placed.append(PlacedToken(id: id, start: first))
          position += bytes(of: id).count
        }
      }
      var pending = 0..<0
      func flush() {
        append(
          encode(UnsafeBufferPointer(rebasing: utf8[pending]), added: AddedTokens([])), from: pending.lowerBound)
        pending = pending.upperBound..<pending.upperBound
      }
      var start = 0
      for run in runs {
        var position = start
        (run.parses ? withSpecial : userDefined).split(
          utf8, in: start..<run.end,
          between: {
            pending = pending.lowerBound..<$0.upperBound
            position = $0.upperBound
          },
          found: { id in
            flush()
            append([id], from: position)
            position += bytes(of: id).count
            pending = position..<position
          })
        start = run.end
      }
      flush()
      return placed
    }
  }

  /// The text of `tokens`. Ids outside the vocabulary are left out; bytes that are no valid UTF-8 become
  /// U+FFFD, one for each maximal invalid part (Unicode standard, section 3.9).
  public func decode(_ tokens: some Sequence<Int32>, skippingSpecialTokens: Bool = false) -> String {
    var decoded: [UInt8] = []
    for id in tokens where !(skippingSpecialTokens && isSpecial(id)) {
      decoded.append(contentsOf: bytes(of: id))
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  /// The first special ("control") token that is written out in `text`, such as `<|im_end|>`; nil when none is.
  public func specialToken(writtenIn text: String) -> String? {
    var text = text
    return text.withUTF8 { bytes in
      var found: Int32?
      withSpecial.split(
        bytes, in: 0..<bytes.count, between: { _ in },
        found: { if found == nil, isSpecial($0) { found = $0 } })
      return found.map { tokens[Int($0)] }
    }
  }

  /// The bytes a token stands for; none for an id outside the vocabulary.
  package func bytes(of id: Int32) -> ArraySlice<UInt8> {
    guard tokens.indices.contains(Int(id)) else { return [] }
    return bytes[byteOffsets[Int(id)]..<byteOffsets[Int(id) + 1]]
  }

  private func encode(_ text: UnsafeBufferPointer<UInt8>, added: AddedTokens) -> [Int32] {
    CharacterClass.table.withUnsafeBufferPointer { classes in
      merges.withLookup { merges in
        let scanner = WordScanner(text: text, classes: classes, splitting: splitting)
        var merger = BytePairMerger(merges)
        var output: [Int32] = []
        output.reserveCapacity(text.count / 3)
        added.split(
          text, in: 0..<text.count,
          between: { range in
            scanner.forEachWord(in: range) { word in
              merger.append(text[word], byteTokens: byteTokens, to: &output)
            }
          }, found: { output.append($0) })
        return output
      }
    }
  }

  private static func insert(
    _ merge: String, rank: Int, ids: [String: Int32], into table: inout MergeTable
  ) throws {
    let parts = merge.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 2, let left = String(parts[0]), let right = String(parts[1]) else {
      throw TokenizerError.malformedMerge(
        merge, index: rank, reason: "two tokens separated by a space are expected")
    }
    func id(_ token: String) throws -> Int32 {
      guard let id = ids[token] else {
        throw TokenizerError.malformedMerge(
          merge, index: rank, reason: "'\(token)' is not in the vocabulary")
      }
      return id
    }
    table.insert(
      left: try id(left), right: try id(right), rank: rank, result: try id(left + right))
  }

  private static func checked(_ id: Int?, name: String, vocabularySize: Int) throws -> Int32? {
    guard let id else { return nil }
    guard (0..<vocabularySize).contains(id) else {
      throw TokenizerError.specialTokenOutOfRange(name: name, id: id, vocabularySize: vocabularySize)
    }
    return Int32(id)
  }
}
