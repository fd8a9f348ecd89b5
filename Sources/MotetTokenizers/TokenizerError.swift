/// Why a tokenizer could not be made or used.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read or is no JSON of the expected shape.
  case unreadable(file: String, reason: String)
  /// The file asks for another kind of tokenizer than those listed in the message; `what` names it.
  case unsupported(file: String, what: String)
  /// The vocabulary holds no token, or does not fit its list of token types.
  case malformedVocabulary(reason: String)
  /// Two ids for one token.
  case duplicateToken(String, Int, Int)
  /// A merge that is not two tokens of the vocabulary making a third. `index` counts from 0.
  case malformedMerge(String, index: Int, reason: String)
  /// The beginning- or end-of-text id lies outside the vocabulary.
  case specialTokenOutOfRange(name: String, id: Int, vocabularySize: Int)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "cannot read the tokenizer \(file): \(reason)"
    case .unsupported(let file, let what):
      "the tokenizer \(file) uses \(what), which is not supported: byte-level BPE with GPT-2's or SmolLM's "
        + "splitting is"
    case .malformedVocabulary(let reason):
      "malformed vocabulary: \(reason)"
    case .duplicateToken(let token, let first, let second):
      "malformed vocabulary: the token '\(token)' stands at \(first) and again at \(second)"
    case .malformedMerge(let merge, let index, let reason):
      "malformed merge '\(merge)' (number \(index)): \(reason)"
    case .specialTokenOutOfRange(let name, let id, let vocabularySize):
      "the \(name) token \(id) lies outside the vocabulary of \(vocabularySize) tokens"
    }
  }
}
