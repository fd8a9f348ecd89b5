/// What a tokenizer is made of, as a file describes it.
struct TokenizerParts {
  /// Every token by its id: the model's and the added ones.
  var vocabulary: Vocabulary
  /// The tokens of the model alone; what was only added is left out.
  var modelVocabulary: Vocabulary
  var added: [AddedToken] = []
  var normalizers: [any Normalizer] = []
  var splitters: [any Splitter] = []
  var model: any TokenModel
  var postProcessors: [any PostProcessor] = []
  /// None stands for tokens with a space between each two.
  var decoders: [any DecodingStep] = []
  var specialTokens = SpecialTokens()
  /// Whether added tokens decode to what they are written as, though they may look like bytes to the decoder.
  var decodesAddedVerbatim = false
  /// The file the parts come from; empty for none.
  var file = ""
}
