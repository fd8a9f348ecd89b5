extension Tokenizer {
  /// The tokens that a text of its own begins with: Llama 2's beginning-of-text token, and none of GPT-2's.
  public var beginning: [Int32] {
    guard layout.addsTokens else { return [] }
    var found: [Int32] = []
    for piece in layout.single {
      guard case .special(let ids, _) = piece else { break }
      found += ids
    }
    return found
  }
}
