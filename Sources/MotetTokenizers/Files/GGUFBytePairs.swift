import MotetFormats

/// Byte pairs with the merges written out, as GPT-2 and most models after it have them.
struct GGUFBytePairs: GGUFTokenizerKind {
  static let names = ["gpt2", "gemma4"]

  static func parts(_ fields: GGUFTokenizerFields) throws -> TokenizerParts {
    let name = try fields.string("model") == "gemma4" ? "gemma4" : fields.require("pre", fields.string("pre"))
    guard let splitting = NamedSplitting.all[name] else {
      let known = NamedSplitting.all.keys.sorted().joined(separator: ", ")
      throw TokenizerError.unsupported(
        file: fields.file, what: "the splitting '\(name)' in tokenizer.ggml.pre (known are \(known))")
    }
    let tokens = try fields.tokens()
    let types = try fields.types(count: tokens.count)
    guard let merges = try fields.strings("merges") else { throw TokenizerError.missingMerges }
    let specialTokens = try fields.specialTokens(count: tokens.count)
    var parts = try Tokenizer.bytePairParts(
      tokens: tokens, merges: merges, types: types, splitting: splitting, specialTokens: specialTokens)
    if try fields.bool("add_space_prefix", or: false), let last = parts.splitters.last as? ByteLevelSplitter {
      parts.splitters[parts.splitters.count - 1] = ByteLevelSplitter(
        addsPrefixSpace: true, usesPattern: last.usesPattern)
    }
    parts.postProcessors = try fields.postProcessors(
      specialTokens, in: parts.vocabulary, addsBos: splitting.addsBos, addsEos: false)
    parts.file = fields.file
    return parts
  }
}

extension Tokenizer {
  /// A byte-level tokenizer from a vocabulary and merges as a GGUF file holds them.
  ///
  /// - Parameters:
  ///   - tokens: the vocabulary, in the byte alphabet of GPT-2; the index is the id. An empty string is an id
  ///     without a token.
  ///   - merges: pairs of tokens separated by one space, in the order they were learnt.
  ///   - tokenTypes: one for each token: 3 for a special ("control") token, matched only when special tokens
  ///     are parsed; 4 for a user-defined one, always matched whole; anything else for a normal one. May be
  ///     empty: all normal.
  ///   - splitting: how text is cut into words
  ///   - bos: the beginning-of-text id.
  ///   - eos: the end-of-text id.
  /// - Throws: ``TokenizerError`` when the parts do not fit together.
  public init(
    tokens: [String], merges: [String], tokenTypes: [Int], splitting: Splitting, bos: Int?, eos: Int?
  ) throws {
    guard tokenTypes.isEmpty || tokenTypes.count == tokens.count else {
      throw TokenizerError.malformedVocabulary(
        reason: "\(tokens.count) tokens but \(tokenTypes.count) token types")
    }
    func checked(_ id: Int?, _ name: String) throws -> Int32? {
      guard let id else { return nil }
      guard tokens.indices.contains(id) else {
        throw TokenizerError.specialTokenOutOfRange(name: name, id: id, vocabularySize: tokens.count)
      }
      return Int32(id)
    }
    let types = tokenTypes.isEmpty ? Array(repeating: 1, count: tokens.count) : tokenTypes
    try self.init(
      Self.bytePairParts(
        tokens: tokens, merges: merges, types: types.map { GGUFTokenType(rawValue: $0) ?? .normal },
        splitting: splitting == .gpt2 ? .gpt2 : .digits,
        specialTokens: SpecialTokens(
          bos: checked(bos, "beginning-of-text"), eos: checked(eos, "end-of-text"))))
  }

  static func bytePairParts(
    tokens: [String], merges: [String], types: [GGUFTokenType], splitting: NamedSplitting,
    specialTokens: SpecialTokens
  ) throws -> TokenizerParts {
    let vocabulary = try Vocabulary(tokens)
    var options = BytePairModel.Options()
    options.ignoresMerges = splitting.ignoresMerges
    options.fallsBackToBytes = !splitting.isByteLevel
    let texts = try merges.enumerated().map { try MergeText($1, index: $0) }
    let model = try BytePairModel(vocabulary, learnt: texts, options: options)
    var parts = TokenizerParts(vocabulary: vocabulary, modelVocabulary: vocabulary, model: model)
    parts.added = GGUFTokenizerFields.added(tokens, types)
    parts.specialTokens = specialTokens
    (parts.normalizers, parts.splitters) = (try splitting.normalizers(), try splitting.splitters())
    if splitting.isByteLevel {
      parts.decoders = [ByteLevelDecoder()]
      parts.decodesAddedVerbatim = true
    } else {
      parts.decoders = [
        ReplaceDecoder(try TextPattern(literal: "▁"), with: " "), ByteFallback(), Fuse(),
      ]
    }
    return parts
  }
}
