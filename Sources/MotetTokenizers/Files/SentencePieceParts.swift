import Foundation

/// A SentencePiece model as files hold it: pieces with their types and scores, and how text is normalized.
struct SentencePieceParts {
  var tokens: [String]
  var types: [GGUFTokenType]
  var scores: [Double]
  /// Whether a text gets a space before it.
  var addsSpacePrefix: Bool
  /// Whether spaces at the ends go and several in a row become one.
  var removesExtraSpaces = false
  /// The table of what to write for which characters; empty for none.
  var charsmap = Data()

  /// Pieces that merging or searching may find; those of control tokens and bytes only have ids.
  private func isPiece(_ id: Int) -> Bool {
    switch types[id] {
    case .normal, .userDefined, .unused: true
    case .unknown, .control, .byte: false
    }
  }

  private var unknown: Int? { types.firstIndex(of: .unknown) }

  /// Pieces that are merged by score.
  func bytePairs(unknown id: Int?) throws -> TokenizerParts {
    let vocabulary = try Vocabulary(tokens)
    let merges = try BytePairModel.merges(byScoreOf: vocabulary, scores, isPiece: isPiece)
    var options = BytePairModel.Options()
    options.unknown = (id ?? unknown).flatMap { tokens.indices.contains($0) ? tokens[$0] : nil }
    (options.fusesUnknown, options.fallsBackToBytes) = (true, true)
    // A control token is never what a text is merged into, nor is a character read as one.
    let pieces = try Vocabulary(tokens.indices.map { types[$0] == .control ? "" : tokens[$0] })
    var parts = TokenizerParts(
      vocabulary: vocabulary, modelVocabulary: vocabulary,
      model: try BytePairModel(pieces, merges: merges, options: options))
    parts.added = GGUFTokenizerFields.added(tokens, types)
    parts.normalizers = try charsmapNormalizer()
    if removesExtraSpaces { parts.normalizers += try spaceNormalizers(" ") }
    if addsSpacePrefix { parts.normalizers.append(Prepend("▁")) }
    parts.normalizers.append(ReplaceNormalizer(try TextPattern(literal: " "), with: "▁"))
    parts.decoders = [ReplaceDecoder(try TextPattern(literal: "▁"), with: " "), ByteFallback(), Fuse()]
    if addsSpacePrefix { parts.decoders.append(StripDecoder(" ", start: 1, stop: 0)) }
    return parts
  }

  /// Pieces of which the most likely are searched.
  func unigram(unknown id: Int?) throws -> TokenizerParts {
    let vocabulary = try Vocabulary(tokens)
    guard let unknown = id ?? unknown else { throw TokenizerError.missingUnknown("unknown_token_id") }
    let scores = zip(scores, types).map { score, type in type == .userDefined ? 0 : score }
    guard scores.count == tokens.count else {
      throw TokenizerError.malformedVocabulary(
        reason: "\(tokens.count) tokens but \(self.scores.count) scores")
    }
    let model = try UnigramModel(
      ModelParts(vocabulary: vocabulary, merges: nil, scores: scores), unknown: unknown,
      fallsBackToBytes: types.contains(.byte), isPiece: isPiece)
    var parts = TokenizerParts(vocabulary: vocabulary, modelVocabulary: vocabulary, model: model)
    parts.added = GGUFTokenizerFields.added(tokens, types)
    parts.normalizers = try charsmapNormalizer()
    if removesExtraSpaces { parts.normalizers += try spaceNormalizers("▁") }
    let prepending: MetaspaceSplitter.Prepending = addsSpacePrefix ? .always : .never
    parts.splitters = [MetaspaceSplitter(prepending: prepending, cuts: true)]
    let metaspace = MetaspaceDecoder(prepending: prepending)
    parts.decoders =
      types.contains(.byte)
      ? [
        ReplaceDecoder(try TextPattern(literal: "▁"), with: " "), ByteFallback(), Fuse(),
        StripDecoder(" ", start: addsSpacePrefix ? 1 : 0, stop: 0),
      ] : [metaspace]
    return parts
  }

  private func charsmapNormalizer() throws -> [any Normalizer] {
    if charsmap.isEmpty { return [] }
    do {
      return [try Precompiled(charsmap)]
    } catch let error as PatternError {
      throw TokenizerError.malformedVocabulary(
        reason: "the precompiled charsmap is malformed: \(error.reason)")
    }
  }

  /// Takes spaces off the end and makes several in a row one.
  private func spaceNormalizers(_ space: String) throws -> [any Normalizer] {
    do {
      return [
        StripNormalizer(left: false, right: true),
        ReplaceNormalizer(try TextPattern(expression: " {2,}"), with: space),
      ]
    } catch let error as PatternError {
      throw TokenizerError.unsupported(file: "", what: error.reason)
    }
  }
}
