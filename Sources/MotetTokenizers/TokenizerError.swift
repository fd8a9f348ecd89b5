/// Why a tokenizer could not be made or used.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read or is no JSON of the expected shape.
  case unreadable(file: String, reason: String)
  /// The file asks for something that is not read; `what` names it and where it stands.
  case unsupported(file: String, what: String)
  /// The folder holds no tokenizer that is read.
  case noTokenizer(folder: String, reason: String)
  /// The vocabulary holds no token, or does not fit its list of token types.
  case malformedVocabulary(reason: String)
  /// Two ids for one token.
  case duplicateToken(String, Int, Int)
  /// A byte-pair model without a list of merges.
  case missingMerges
  /// A merge that is not two tokens of the vocabulary making a third. `index` counts from 0.
  case malformedMerge(String, index: Int, reason: String)
  /// The model names no token for what it does not know, or one that the vocabulary lacks.
  case missingUnknown(String)
  /// An id that a part of the tokenizer names lies outside the vocabulary.
  case specialTokenOutOfRange(name: String, id: Int, vocabularySize: Int)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "cannot read the tokenizer \(file): \(reason)"
    case .unsupported(let file, let what):
      "the tokenizer\(file.isEmpty ? "" : " \(file)") uses \(what), which is not supported"
    case .noTokenizer(let folder, let reason):
      "\(folder) has no tokenizer that can be read: \(reason)"
    case .malformedVocabulary(let reason):
      "malformed vocabulary: \(reason)"
    case .duplicateToken(let token, let first, let second):
      "malformed vocabulary: the token '\(token)' stands at \(first) and again at \(second)"
    case .missingMerges:
      "the byte-pair model has no merges: fetch the file again, or the one that holds them (merges.txt)"
    case .malformedMerge(let merge, let index, let reason):
      "malformed merge '\(merge)' (number \(index)): \(reason)"
    case .missingUnknown(let token):
      "the model's token for unknown text, '\(token)', is not in the vocabulary: fetch the file again, or name "
        + "another as its unk_token"
    case .specialTokenOutOfRange(let name, let id, let vocabularySize):
      "the \(name) token \(id) lies outside the vocabulary of \(vocabularySize) tokens"
    }
  }
}
