import MotetFormats

/// Turns words into tokens: one file a kind, one line in ``modelKinds``.
protocol TokenModel: Sendable {
  /// The name of the kind in `tokenizer.json`.
  static var type: String { get }
  /// Reads the model's options. `parts` holds its vocabulary.
  init(_ fields: StepFields, _ parts: ModelParts) throws
  /// Appends the tokens of each word.
  func tokenize(_ words: Words, into output: inout TokenOutput)
  /// Bytes of text that one token stands for at the most; `Int.max` when that cannot be told.
  /// - Parameters:
  ///   - overBytes: whether words are bytes
  ///   - lengths: bytes that the token of an id adds to a text
  func mostBytesInToken(overBytes: Bool, _ lengths: (Int32) -> Int) -> Int
  /// The model's options as `tokenizer.json` writes them, without the vocabulary.
  var fields: [String: JSONValue] { get }
  /// The members of the model that hold its vocabulary, as `tokenizer.json` writes them.
  func vocabularyMembers(of vocabulary: Vocabulary) -> [JSONTree.Member]
}

extension TokenModel {
  // An unknown word is one token, however long it is.
  func mostBytesInToken(overBytes: Bool, _ lengths: (Int32) -> Int) -> Int { .max }

  func vocabularyMembers(of vocabulary: Vocabulary) -> [JSONTree.Member] { [vocabulary.member] }
}

extension Vocabulary {
  /// The tokens with their ids, in the order of the ids.
  var member: JSONTree.Member {
    let tokens = (0..<count).filter { !utf8($0).isEmpty }
    return JSONTree.Member(
      name: "vocab",
      value: .object(tokens.map { JSONTree.Member(name: self[$0], value: .leaf(.int($0))) }))
  }
}

/// The vocabulary of a model, read.
struct ModelParts {
  var vocabulary: Vocabulary
  /// Pairs of tokens in the order they were learnt; nil when the file has none.
  var merges: [MergeText]?
  /// The log-probability of each id, or what else the model scores by.
  var scores: [Double] = []
}

/// A merge as a file writes it.
struct MergeText: Equatable, Sendable {
  var left: String
  var right: String

  init(_ left: String, _ right: String) {
    self.left = left
    self.right = right
  }

  /// A merge written as two tokens with one space between.
  init(_ text: String, index: Int) throws {
    let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 2, let left = String(parts[0]), let right = String(parts[1]) else {
      throw TokenizerError.malformedMerge(
        text, index: index, reason: "two tokens separated by a space are expected")
    }
    self.init(left, right)
  }
}

/// The kinds of models.
let modelKinds: [any TokenModel.Type] = [
  BytePairModel.self,
  UnigramModel.self,
  WordPieceModel.self,
  WordLevelModel.self,
]

/// The tokens of a text, as they come.
struct TokenOutput {
  private(set) var ids: [Int32] = []
  /// Where in the original each starts; empty unless ``keepsStarts``.
  private(set) var starts: [Int] = []
  let keepsStarts: Bool

  init(keepsStarts: Bool, capacity: Int) {
    self.keepsStarts = keepsStarts
    ids.reserveCapacity(capacity)
    if keepsStarts { starts.reserveCapacity(capacity) }
  }

  /// Appends a token that starts at the byte `index` of `text`.
  @inline(__always)
  mutating func append(_ id: Int32, at index: Int, of text: AlignedText) {
    ids.append(id)
    if keepsStarts { place(text.origin(of: index)) }
  }

  /// Appends a token that starts at `start` in the original.
  mutating func append(_ id: Int32, at start: Int) {
    ids.append(id)
    if keepsStarts { place(start) }
  }

  @inline(__always)
  mutating func append(contentsOf more: [Int32]) { ids.append(contentsOf: more) }

  /// Starts never go back: a step that moves characters may say so.
  @inline(__always)
  mutating func place(_ start: Int) { starts.append(max(start, starts.last ?? 0)) }
}
