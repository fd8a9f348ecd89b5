import Foundation
import MotetFormats

/// SentencePiece's unigram pieces: T5, XLM-R.
struct GGUFUnigram: GGUFTokenizerKind {
  static let names = ["t5"]

  static func parts(_ fields: GGUFTokenizerFields) throws -> TokenizerParts {
    let tokens = try fields.tokens()
    let types = try fields.types(count: tokens.count)
    var pieces = SentencePieceParts(
      tokens: tokens, types: types, scores: try fields.scores(),
      addsSpacePrefix: try fields.bool("add_space_prefix", or: true))
    pieces.removesExtraSpaces = try fields.bool("remove_extra_whitespaces", or: false)
    switch fields["precompiled_charsmap"] {
    case .array(.uint8(let bytes))?: pieces.charsmap = Data(bytes)
    case .array(.int8(let bytes))?: pieces.charsmap = Data(bytes.map { UInt8(bitPattern: $0) })
    case nil: break
    default: _ = try fields.require("precompiled_charsmap", nil as Data?)
    }
    var parts = try pieces.unigram(unknown: fields["unknown_token_id"]?.int)
    parts.specialTokens = try fields.specialTokens(count: tokens.count)
    parts.file = fields.file
    parts.postProcessors = try fields.postProcessors(
      parts.specialTokens, in: parts.vocabulary, addsBos: false, addsEos: true)
    return parts
  }
}
