import MotetFormats

extension Tokenizer {
  /// The tokenizer in the metadata of a GGUF file, `tokenizer.ggml.*`.
  ///
  /// - Throws: ``TokenizerError/unsupported(file:what:)`` for a kind that is not read, with those that are;
  ///   ``TokenizerError/unreadable(file:reason:)`` when a part of it is missing.
  public init(gguf file: GGUFFile) throws {
    try self.init(GGUFTokenizerFields(file.metadata, file: file.path))
  }

  init(_ fields: GGUFTokenizerFields) throws {
    let model = try fields.require("model", fields.string("model"))
    guard let kind = ggufTokenizerKinds.first(where: { $0.names.contains(model) }) else {
      let known = ggufTokenizerKinds.flatMap { $0.names }.joined(separator: ", ")
      throw TokenizerError.unsupported(
        file: fields.file, what: "the tokenizer model '\(model)' (known are \(known))")
    }
    try self.init(kind.parts(fields))
  }
}

/// A kind of tokenizer as GGUF files hold it: one file a kind, one line in ``ggufTokenizerKinds``.
protocol GGUFTokenizerKind: Sendable {
  /// What `tokenizer.ggml.model` names it.
  static var names: [String] { get }
  static func parts(_ fields: GGUFTokenizerFields) throws -> TokenizerParts
}

/// The kinds of tokenizers that GGUF files hold.
let ggufTokenizerKinds: [any GGUFTokenizerKind.Type] = [
  GGUFBytePairs.self,
  GGUFSentencePairs.self,
  GGUFUnigram.self,
  GGUFWordPiece.self,
]

/// What a token is for, as `tokenizer.ggml.token_type` counts. Source: `llama_token_type` of llama.cpp, `llama.h`.
enum GGUFTokenType: Int {
  case normal = 1
  case unknown, control, userDefined, unused, byte

  /// Whether the token is found in a text only where special tokens are parsed.
  var isSpecial: Bool { self == .control || self == .unknown }
}

/// The metadata `tokenizer.ggml.*` of a GGUF file.
struct GGUFTokenizerFields {
  private let metadata: [String: GGUFValue]
  let file: String

  init(_ metadata: [String: GGUFValue], file: String) {
    self.metadata = metadata
    self.file = file
  }

  func require<Value>(_ key: String, _ value: Value?) throws -> Value {
    guard let value else {
      throw TokenizerError.unreadable(
        file: file, reason: "the metadata tokenizer.ggml.\(key) is missing or of another type")
    }
    return value
  }

  subscript(key: String) -> GGUFValue? { metadata["tokenizer.ggml.\(key)"] }

  /// What the model is called, in small letters.
  var modelName: String { metadata["general.name"]?.string?.lowercased() ?? "" }

  func string(_ key: String) throws -> String? { try self[key].map { try require(key, $0.string) } }

  func bool(_ key: String, or fallback: Bool) throws -> Bool {
    try self[key].map { try require(key, $0.bool) } ?? fallback
  }

  func strings(_ key: String) throws -> [String]? { try self[key].map { try require(key, $0.strings) } }

  /// The tokens by id.
  func tokens() throws -> [String] { try require("tokens", self["tokens"]?.strings) }

  /// A score for each token.
  func scores() throws -> [Double] {
    // As in llama.cpp, a 32-bit number and not the decimal it is nearest to.
    guard case .array(.float32(let scores))? = self["scores"] else {
      return try require("scores", self["scores"]?.doubles)
    }
    return scores.map(Double.init)
  }

  /// The type of each of `count` tokens, all normal when the file does not say.
  func types(count: Int) throws -> [GGUFTokenType] {
    guard let value = self["token_type"] else { return Array(repeating: .normal, count: count) }
    let types = try require("token_type", value.ints)
    guard types.count == count else {
      throw TokenizerError.malformedVocabulary(reason: "\(count) tokens but \(types.count) token types")
    }
    return types.map { GGUFTokenType(rawValue: $0) ?? .normal }
  }

  /// The ids of the tokens that the file names for a purpose.
  func specialTokens(count: Int) throws -> SpecialTokens {
    func id(_ keys: String..., name: String) throws -> Int32? {
      for key in keys {
        guard let id = try self["\(key)_token_id"].map({ try require("\(key)_token_id", $0.int) }) else {
          continue
        }
        guard (0..<count).contains(id) else {
          throw TokenizerError.specialTokenOutOfRange(name: name, id: id, vocabularySize: count)
        }
        return Int32(id)
      }
      return nil
    }
    var tokens = SpecialTokens()
    tokens.bos = try id("bos", name: "beginning-of-text")
    tokens.eos = try id("eos", name: "end-of-text")
    tokens.unknown = try id("unknown", name: "unknown")
    tokens.padding = try id("padding", name: "padding")
    // The format's own spelling, and the right one.
    tokens.separator = try id("seperator", "separator", name: "separator")
    tokens.classification = try id("cls", name: "classification")
    tokens.mask = try id("mask", name: "mask")
    return tokens
  }

  /// The added tokens of a vocabulary: special ones and those that a user defined.
  static func added(_ tokens: [String], _ types: [GGUFTokenType]) -> [AddedToken] {
    zip(tokens, types).enumerated().compactMap { id, entry in
      let (token, type) = entry
      guard !token.isEmpty, type.isSpecial || type == .userDefined else { return nil }
      return AddedToken(id: Int32(id), content: token, isSpecial: type.isSpecial)
    }
  }

  /// The layout of the tokens of the beginning and the end, where they are added.
  func postProcessors(
    _ tokens: SpecialTokens, in vocabulary: Vocabulary, addsBos: Bool, addsEos: Bool
  ) throws -> [any PostProcessor] {
    func named(_ key: String, _ adds: Bool, _ id: Int32?) throws -> (String, Int32)? {
      guard try bool("add_\(key)_token", or: adds) else { return nil }
      guard let id else {
        // Asked for by the file, not by a rule of ours.
        if self["add_\(key)_token"] == nil { return nil }
        throw TokenizerError.unreadable(
          file: file,
          reason: "tokenizer.ggml.add_\(key)_token is true, but tokenizer.ggml.\(key)_token_id is missing")
      }
      return (vocabulary[Int(id)], id)
    }
    let (bos, eos) = (try named("bos", addsBos, tokens.bos), try named("eos", addsEos, tokens.eos))
    return bos == nil && eos == nil ? [] : [TemplateProcessing(beginning: bos, end: eos)]
  }
}
