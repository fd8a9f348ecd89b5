import MotetFormats

/// SentencePiece's byte pairs, merged by score: Llama 2, Mistral, Gemma, Phi-3.
///
/// As in llama.cpp, every stretch of text after a special token gets the space prefix that the text itself gets.
struct GGUFSentencePairs: GGUFTokenizerKind {
  static let names = ["llama"]

  static func parts(_ fields: GGUFTokenizerFields) throws -> TokenizerParts {
    let tokens = try fields.tokens()
    let types = try fields.types(count: tokens.count)
    var parts = try SentencePieceParts(
      tokens: tokens, types: types, scores: try fields.scores(),
      addsSpacePrefix: try fields.bool("add_space_prefix", or: true)
    ).bytePairs(unknown: fields["unknown_token_id"]?.int)
    parts.specialTokens = try fields.specialTokens(count: tokens.count)
    parts.file = fields.file
    if fields.modelName.contains("phi-3") || fields.modelName.contains("phi3") { stripRight(&parts.added) }
    parts.postProcessors = try fields.postProcessors(
      parts.specialTokens, in: parts.vocabulary, addsBos: true, addsEos: false)
    return parts
  }

  /// Phi-3's tokens take the white space after them, which GGUF files do not say. Source: `llama-vocab.cpp` of llama.cpp.
  private static func stripRight(_ added: inout [AddedToken]) {
    for index in added.indices where !["<unk>", "<s>", "<|endoftext|>"].contains(added[index].content) {
      added[index].stripsRight = true
    }
  }
}
