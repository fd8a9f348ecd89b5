import MotetFormats

/// What every model has: its sizes, and the tokens that begin, end and pad a text.
public struct ModelConfiguration: Sendable, Equatable {
  /// `model_type` in Hugging Face's terms: `llama`.
  public var modelType: String
  /// Width of the residual stream.
  public var hiddenSize: Int
  public var layers: Int
  /// Rows of the embedding.
  public var vocabulary: Int
  /// The longest sequence the model was trained for, in tokens.
  public var maximumPositions: Int
  /// Whether the head is the embedding, transposed.
  public var tieWordEmbeddings: Bool
  public var bosToken: Int?
  /// Tokens that end a text; the first is the main one.
  public var eosTokens: [Int]
  public var padToken: Int?
}

extension ModelConfiguration {
  /// Reads the tokens of a `config.json`, and checks that they stand in the vocabulary.
  /// - Throws: ``FormatError``
  init(
    _ fields: ConfigurationFields, hiddenSize: Int, layers: Int, vocabulary: Int, maximumPositions: Int,
    tieWordEmbeddings: Bool
  ) throws {
    self.init(
      modelType: try fields.string("model_type"), hiddenSize: hiddenSize, layers: layers,
      vocabulary: vocabulary, maximumPositions: maximumPositions, tieWordEmbeddings: tieWordEmbeddings,
      bosToken: try fields.tokens("bos_token_id").first, eosTokens: try fields.tokens("eos_token_id"),
      padToken: try fields.tokens("pad_token_id").first)
    for token in eosTokens + [bosToken, padToken].compactMap(\.self)
    where !(0..<vocabulary).contains(token) {
      throw FormatError.malformed(
        file: fields.file, place: "special token",
        problem: "\(token) is not in the vocabulary of \(vocabulary)",
        mend: "check that it belongs to the model you mean")
    }
  }
}
