import MotetFormats
import MotetTokenizers

extension ModelSource {
  /// The tokenizer, each of whose tokens has a row in the embedding.
  /// - Throws: ``ModelError/tokensWithoutRow(first:id:ids:rows:path:)``, or what is wrong with its files
  func fittingTokenizer() throws -> Tokenizer {
    let tokenizer = try tokenizer()
    if borrowsTokenizer { return tokenizer }
    let (ids, rows) = (tokenizer.vocabularySize, configuration.vocabulary)
    for id in rows..<max(rows, ids) {
      guard let token = tokenizer.token(Int32(id)) else { continue }
      throw ModelError.tokensWithoutRow(first: token, id: id, ids: ids, rows: rows, path: path)
    }
    return tokenizer
  }
}

extension BaseModel {
  /// The ids that the head has a row for and the tokenizer no token: those of a vocabulary padded to a round size, and
  /// gaps. One that ends a text is not among them.
  nonisolated static func silentTokens(_ tokenizer: Tokenizer, _ configuration: ModelConfiguration) -> [Int32]
  {
    let ends = Set(configuration.eosTokens.map(Int32.init))
    return (0..<Int32(configuration.vocabulary)).filter { tokenizer.token($0) == nil && !ends.contains($0) }
  }

  /// Takes the ids that stand for nothing out of a row of logits, `[vocabulary]`.
  package nonisolated func silence(_ logits: UnsafeMutableBufferPointer<Float>) {
    for id in silentTokens { logits[Int(id)] = -.infinity }
  }
}
