/// Why a regular expression is refused.
struct PatternError: Error, Equatable {
  /// What is wrong, and where: `a ')' has no '(' before it (at character 7)`.
  let reason: String
}
