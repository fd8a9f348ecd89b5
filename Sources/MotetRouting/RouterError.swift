/// Why a router could not be trained, read or asked.
public enum RouterError: Error, CustomStringConvertible, Equatable {
  case tooFewDomains(Int)
  case duplicateDomain(String)
  case emptyDomain(String)
  case noFeatures
  case invalidPolicy(String)
  case unevenRows(domain: String, row: Int, expected: Int, found: Int)
  case notFinite(domain: String, row: Int)
  case unreadable(path: String, reason: String)
  case malformed(path: String, reason: String)
  case unsupportedVersion(path: String, found: Int, supported: Int)
  case unknownKind(path: String, kind: String)
  case needsModel(String)
  /// A head router that was trained on the hidden states of another base.
  case otherBase(path: String, trained: String, base: String, reason: String)
  case wrongWidth(expected: Int, found: Int)
  case unwritable(path: String, reason: String)

  public var description: String {
    switch self {
    case .tooFewDomains(let count):
      "a router needs at least two domains, got \(count): add another --data NAME=FILE"
    case .duplicateDomain(let name):
      "domain '\(name)' was given twice: give every domain its own name"
    case .emptyDomain(let name):
      "domain '\(name)' has no usable prompt: give it rows whose prompt is not empty"
    case .noFeatures:
      "the domains' prompts hold no word or pattern to learn from: check the prompt field of the data"
    case .invalidPolicy(let reason):
      "routing policy: \(reason)"
    case .unevenRows(let domain, let row, let expected, let found):
      "domain '\(domain)', row \(row): \(found) features where \(expected) are expected"
    case .notFinite(let domain, let row):
      "domain '\(domain)', row \(row): a feature is not a finite number"
    case .unreadable(let path, let reason):
      "cannot read router \(path): \(reason)"
    case .malformed(let path, let reason):
      "router file \(path) is damaged: \(reason); train it again with 'motet router train'"
    case .unsupportedVersion(let path, let found, let supported):
      "router file \(path) has version \(found), this program reads up to \(supported): update motet"
    case .unknownKind(let path, let kind):
      "router file \(path) is of kind '\(kind)', known are 'lexical' and 'head'"
    case .needsModel(let kind):
      "a \(kind) router reads the base's hidden states: load it together with the base model"
    case .otherBase(let path, let trained, let base, let reason):
      "router file \(path) was trained on \(trained), and \(base) is another base (\(reason)): use the base it was "
        + "trained on, or train it again with 'motet router train'"
    case .wrongWidth(let expected, let found):
      "the router was trained on hidden states of width \(expected), this base gives \(found): use the base "
        + "it was trained on, or train it again"
    case .unwritable(let path, let reason):
      "cannot write router \(path): \(reason)"
    }
  }
}
