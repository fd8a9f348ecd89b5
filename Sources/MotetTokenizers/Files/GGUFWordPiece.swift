import MotetFormats

/// BERT's word pieces. In GGUF files a token that begins a word is written with `▁` before it, one that goes on without `##`.
struct GGUFWordPiece: GGUFTokenizerKind {
  static let names = ["bert"]

  static func parts(_ fields: GGUFTokenizerFields) throws -> TokenizerParts {
    let written = try fields.tokens()
    let types = try fields.types(count: written.count)
    let tokens = written.map(Self.token)
    var specialTokens = try fields.specialTokens(count: tokens.count)
    let vocabulary = try Vocabulary(tokens)
    specialTokens.classification =
      specialTokens.classification ?? specialTokens.bos ?? vocabulary.id(of: "[CLS]")
    specialTokens.separator = specialTokens.separator ?? specialTokens.eos ?? vocabulary.id(of: "[SEP]")
    specialTokens.unknown = specialTokens.unknown ?? vocabulary.id(of: "[UNK]")
    let unknown = try fields.require("unknown_token_id", specialTokens.unknown)
    var parts = TokenizerParts(
      vocabulary: vocabulary, modelVocabulary: vocabulary,
      model: try WordPieceModel(
        ModelParts(vocabulary: vocabulary), unknown: tokens[Int(unknown)], prefix: "##"))
    parts.added = GGUFTokenizerFields.added(tokens, types)
    parts.specialTokens = specialTokens
    let lowercases = try fields.bool("normalizer.lowercase", or: !hasCapitals(tokens, types))
    let strips = try fields["normalizer.strip_accents"].map {
      try fields.require("normalizer.strip_accents", $0.bool)
    }
    parts.normalizers = [BertNormalizer(lowercases: lowercases, stripsAccents: strips)]
    parts.splitters = [BertSplitter()]
    parts.decoders = [WordPieceDecoder(prefix: "##", cleansUp: true)]
    if let cls = specialTokens.classification, let sep = specialTokens.separator {
      parts.postProcessors = [BertProcessing(cls: (tokens[Int(cls)], cls), sep: (tokens[Int(sep)], sep))]
    }
    parts.file = fields.file
    return parts
  }

  private static func token(_ written: String) -> String {
    if written.hasPrefix("▁") { return String(written.unicodeScalars.dropFirst()) }
    if written.isEmpty || written.hasPrefix("[") && written.hasSuffix("]") { return written }
    return "##" + written
  }

  /// Whether the vocabulary tells capitals from small letters, which most files do not say.
  private static func hasCapitals(_ tokens: [String], _ types: [GGUFTokenType]) -> Bool {
    zip(tokens, types).contains { token, type in
      type == .normal && !token.hasPrefix("[") && token.utf8.contains { (0x41...0x5A).contains($0) }
    }
  }
}
