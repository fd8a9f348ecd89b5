import MotetFormats

/// Byte pair encoding: a word's characters (or bytes) are merged in the order in which the merges were learnt (Sennrich et
/// al. 2016; over bytes Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2).
struct BytePairModel: TokenModel {
  static let type = "BPE"

  /// What a character becomes that the vocabulary lacks, and what surrounds the characters of a word.
  struct Options: Sendable {
    /// nil: such a character is left out.
    var unknown: String?
    /// Whether several unknown characters in a row make one token.
    var fusesUnknown = false
    /// Whether the tokens `<0x00>` to `<0xFF>` stand for its bytes, if all of them are there.
    var fallsBackToBytes = false
    /// Stands before every character of a word but the first.
    var prefix = ""
    /// Stands after the last character of a word.
    var suffix = ""
    /// Whether a word that is a token is not made by merging.
    var ignoresMerges = false
  }

  let options: Options
  let merges: MergeTable
  private let vocabulary: Vocabulary
  private let unknown: Int32?
  /// The tokens `<0x00>` to `<0xFF>`, -1 for one that is missing; empty when they do not count.
  private let fallback: [Int32]
  /// The token of each byte's stand-in, -1 for one that is missing.
  let byteTokens: [Int32]
  /// The token of each character below U+10000 that is one by itself, -1 for the others.
  private let symbols: [Int32]
  /// The stand-in of each byte in UTF-8: its one or two bytes.
  private let spellings: [(first: UInt8, second: UInt8)]

  init(_ fields: StepFields, _ parts: ModelParts) throws {
    if let dropout = fields.present("dropout"), dropout.doubleValue != 0 {
      throw fields.unsupported("BPE dropout, which makes ids random")
    }
    var options = Options()
    options.unknown = try fields.optionalString("unk_token")
    options.fusesUnknown = try fields.bool("fuse_unk", or: false)
    options.fallsBackToBytes = try fields.bool("byte_fallback", or: false)
    options.prefix = try fields.optionalString("continuing_subword_prefix") ?? ""
    options.suffix = try fields.optionalString("end_of_word_suffix") ?? ""
    options.ignoresMerges = try fields.bool("ignore_merges", or: false)
    guard let merges = parts.merges else { throw TokenizerError.missingMerges }
    try self.init(parts.vocabulary, learnt: merges, options: options)
  }

  /// - Parameter merges: in the order in which they were learnt
  init(_ vocabulary: Vocabulary, learnt merges: [MergeText], options: Options) throws {
    let table = try Self.table(merges, vocabulary, prefix: options.prefix)
    try self.init(vocabulary, merges: table, options: options)
  }

  init(_ vocabulary: Vocabulary, merges: MergeTable, options: Options) throws {
    self.options = options
    self.vocabulary = vocabulary
    self.merges = merges
    unknown = options.unknown.flatMap { vocabulary.id(of: $0) }
    fallback = options.fallsBackToBytes ? vocabulary.byteTokens : []
    byteTokens = ByteAlphabet.scalars.map { vocabulary.id(of: String($0)) ?? -1 }
    var symbols = [Int32](repeating: -1, count: 0x10000)
    for id in 0..<vocabulary.count {
      let token = Array(vocabulary.utf8(id))
      guard !token.isEmpty, token.count <= 3 else { continue }
      token.withUnsafeBufferPointer { token in
        let (value, end) = token.scalar(at: 0)
        if end == token.count { symbols[Int(value)] = Int32(id) }
      }
    }
    self.symbols = symbols
    spellings = ByteAlphabet.values.map { value in
      var bytes: [UInt8] = []
      bytes.append(scalar: value)
      return (bytes[0], bytes.count > 1 ? bytes[1] : 0)
    }
    // An unknown token only matters where something can be unknown.
    if let name = options.unknown, unknown == nil, !knowsAllBytes, fallback.isEmpty || fallback.contains(-1) {
      throw TokenizerError.missingUnknown(name)
    }
  }

  private var knowsAllBytes: Bool { !byteTokens.contains(-1) }

  /// Whether words of bytes need not be written out in stand-ins: nothing is unknown, or what is is left out.
  private var readsBytes: Bool {
    options.prefix.isEmpty && options.suffix.isEmpty && (knowsAllBytes || unknown == nil && fallback.isEmpty)
  }

  /// Whether a word of bytes becomes tokens by merging alone.
  var takesPlainBytes: Bool { readsBytes && !options.ignoresMerges }

  /// How many bytes of a text have tokens, if others are left out.
  func countKept(of text: UnsafeBufferPointer<UInt8>) -> Int? {
    guard readsBytes, !knowsAllBytes else { return nil }
    return text.reduce(0) { $0 + (byteTokens[Int($1)] >= 0 ? 1 : 0) }
  }

  var fields: [String: JSONValue] {
    [
      "dropout": .null, "unk_token": options.unknown.map { .string($0) } ?? .null,
      "continuing_subword_prefix": options.prefix.isEmpty ? .null : .string(options.prefix),
      "end_of_word_suffix": options.suffix.isEmpty ? .null : .string(options.suffix),
      "fuse_unk": .bool(options.fusesUnknown), "byte_fallback": .bool(options.fallsBackToBytes),
      "ignore_merges": .bool(options.ignoresMerges),
    ]
  }

  func vocabularyMembers(of vocabulary: Vocabulary) -> [JSONTree.Member] {
    let merges = merges.pairs.map {
      JSONValue.array([.string(vocabulary[Int($0.left)]), .string(vocabulary[Int($0.right)])])
    }
    return [vocabulary.member, JSONTree.Member(name: "merges", value: .leaf(.array(merges)))]
  }

  // MARK: - Merges

  private static func table(_ merges: [MergeText], _ vocabulary: Vocabulary, prefix: String) throws
    -> MergeTable
  {
    var table = MergeTable(capacity: merges.count)
    let prefixCount = prefix.utf8.count
    for (rank, merge) in merges.enumerated() {
      func id(_ token: String) throws -> Int32 {
        guard let id = vocabulary.id(of: token) else {
          throw TokenizerError.malformedMerge(
            "\(merge.left) \(merge.right)", index: rank, reason: "'\(token)' is not in the vocabulary")
        }
        return id
      }
      let (left, right) = (try id(merge.left), try id(merge.right))
      let rest = String(decoding: merge.right.utf8.dropFirst(prefixCount), as: UTF8.self)
      table.insert(left: left, right: right, rank: rank, result: try id(merge.left + rest))
    }
    return table
  }

  /// Bytes of a piece at the most: every way to cut it in two is looked at.
  private static let longestPiece = 2048

  /// The merges of a SentencePiece vocabulary: any two pieces that make a piece merge, the better one first, and of
  /// equally good ones the leftmost. Source: SentencePiece's `bpe_model.cc`.
  /// - Parameter isPiece: whether the token of an id may come of merging
  static func merges(
    byScoreOf vocabulary: Vocabulary, _ scores: [Double], isPiece: (Int) -> Bool
  ) throws -> MergeTable {
    guard scores.count == vocabulary.count else {
      throw TokenizerError.malformedVocabulary(
        reason: "\(vocabulary.count) tokens but \(scores.count) scores")
    }
    guard scores.allSatisfy({ !$0.isNaN }) else {
      throw TokenizerError.malformedVocabulary(reason: "a score is not a number")
    }
    let pieces = scores.indices.filter(isPiece).sorted { scores[$0] > scores[$1] }
    var found: [(left: Int32, right: Int32, rank: Int, result: Int32)] = []
    var rank = 0
    for (place, piece) in pieces.enumerated() {
      if place > 0, scores[piece] < scores[pieces[place - 1]] { rank += 1 }
      let token = Array(vocabulary.utf8(piece))
      guard token.count <= longestPiece else {
        throw TokenizerError.malformedVocabulary(
          reason: "the token \(piece) has \(token.count) bytes, more than a piece that is merged may have")
      }
      token.withUnsafeBufferPointer { token in
        for cut in token.indices.dropFirst() where token[cut] & 0xC0 != 0x80 {
          guard let left = vocabulary.id(of: UnsafeBufferPointer(rebasing: token[..<cut])),
            isPiece(Int(left)),
            let right = vocabulary.id(of: UnsafeBufferPointer(rebasing: token[cut...])), isPiece(Int(right))
          else { continue }
          found.append((left, right, rank, Int32(piece)))
        }
      }
    }
    var table = MergeTable(capacity: found.count)
    for merge in found {
      table.insert(left: merge.left, right: merge.right, rank: merge.rank, result: merge.result)
    }
    return table
  }

  // MARK: - Tokens

  /// The tokens of words of bytes, found by `scanner` in `range`: no text is copied.
  func tokenize(_ scanner: WordScanner, in range: Range<Int>, into output: inout TokenOutput) {
    merges.withLookup { lookup in
      var merger = BytePairMerger(lookup, keepsStarts: output.keepsStarts)
      scanner.forEachWord(in: range) { word in
        merger.removeAll()
        for index in word {
          let token = byteTokens[Int(scanner.text[index])]
          if token >= 0 { merger.append(token, at: index) }
        }
        merger.merge()
        output.append(contentsOf: merger.tokens)
        if output.keepsStarts {
          for start in merger.starts { output.place(scanner.text.start(before: start + 1)) }
        }
      }
    }
  }

  func tokenize(_ words: Words, into output: inout TokenOutput) {
    var words = words
    // Bytes need to be seen as characters only where they may be unknown or get something beside them.
    let usesBytes = words.isByteLevel && readsBytes
    if !usesBytes { words.spellOut() }
    let text = words.text
    merges.withLookup { lookup in
      var merger = BytePairMerger(lookup, keepsStarts: output.keepsStarts)
      var spelled: [UInt8] = []
      text.withBytes { bytes in
        for word in words.ranges {
          let slice = UnsafeBufferPointer(rebasing: bytes[word])
          if options.ignoresMerges, let id = whole(slice, isBytes: usesBytes, &spelled) {
            output.append(id, at: word.lowerBound, of: text)
            continue
          }
          merger.removeAll()
          if usesBytes {
            for index in word {
              let token = byteTokens[Int(bytes[index])]
              if token >= 0 { merger.append(token, at: index) }
            }
          } else {
            appendSymbols(of: word, bytes, to: &merger)
          }
          merger.merge()
          output.append(contentsOf: merger.tokens)
          if output.keepsStarts { for start in merger.starts { output.place(text.origin(of: start)) } }
        }
      }
    }
  }

  /// The token that is the whole word, if there is one.
  private func whole(
    _ word: UnsafeBufferPointer<UInt8>, isBytes: Bool, _ spelled: inout [UInt8]
  ) -> Int32? {
    guard isBytes else { return vocabulary.id(of: word) }
    spelled.removeAll(keepingCapacity: true)
    for byte in word {
      let (first, second) = spellings[Int(byte)]
      spelled.append(first)
      if second != 0 { spelled.append(second) }
    }
    return vocabulary.id(of: spelled)
  }

  /// The tokens of a word's characters. An unknown token waits for the next known one, as in `tokenizers`: bytes that
  /// are written out in between come before it.
  private func appendSymbols(
    of word: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>, to merger: inout BytePairMerger
  ) {
    let isPlain = options.prefix.isEmpty && options.suffix.isEmpty
    var waiting: Int?
    var position = word.lowerBound
    while position < word.upperBound {
      let start = position
      let (value, end) = bytes.scalar(at: position)
      position = end
      let decorated = isPlain ? [] : self.decorated(start..<end, in: word, bytes)
      let symbol =
        isPlain
        ? symbol(value, UnsafeBufferPointer(rebasing: bytes[start..<end])) : vocabulary.id(of: decorated)
      if let symbol {
        if let place = waiting, let unknown { merger.append(unknown, at: place) }
        waiting = nil
        merger.append(symbol, at: start)
        continue
      }
      if !fallback.isEmpty {
        let written = isPlain ? Array(bytes[start..<end]) : decorated
        if written.allSatisfy({ fallback[Int($0)] >= 0 }) {
          for byte in written { merger.append(fallback[Int(byte)], at: start) }
          continue
        }
      }
      guard let unknown else { continue }
      if let place = waiting {
        if options.fusesUnknown { continue }
        merger.append(unknown, at: place)
      }
      waiting = start
    }
    if let place = waiting, let unknown { merger.append(unknown, at: place) }
  }

  @inline(__always)
  private func symbol(_ value: UInt32, _ utf8: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard value < 0x10000 else { return vocabulary.id(of: utf8) }
    let id = symbols[Int(value)]
    return id >= 0 ? id : nil
  }

  private func decorated(
    _ character: Range<Int>, in word: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> [UInt8] {
    var result = character.lowerBound > word.lowerBound ? Array(options.prefix.utf8) : []
    result.append(contentsOf: bytes[character])
    if character.upperBound == word.upperBound { result.append(contentsOf: options.suffix.utf8) }
    return result
  }

  func mostBytesInToken(overBytes: Bool, _ lengths: (Int32) -> Int) -> Int {
    // What is left out or fused to any length has no bound.
    let isBounded =
      overBytes && readsBytes || !fallback.isEmpty && !fallback.contains(-1)
      || unknown != nil && !options.fusesUnknown
    let least = unknown == nil ? 1 : 4
    return isBounded ? (0..<vocabulary.count).reduce(least) { max($0, lengths(Int32($1))) } : .max
  }
}

extension BytePairMerger {
  /// Appends the token of a character or byte.
  @inline(__always)
  mutating func append(_ token: Int32, at start: Int) {
    tokens.append(token)
    if keepsStarts { starts.append(start) }
  }
}
