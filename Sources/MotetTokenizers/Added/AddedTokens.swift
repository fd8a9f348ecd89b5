/// The added tokens of a tokenizer.
struct AddedTokens: Sendable {
  let tokens: [AddedToken]
  /// Those that are looked for before the text is normalized, and those that are looked for after.
  let verbatim: AddedTokenFinder
  let normalized: AddedTokenFinder
  /// What decoding sees of a token, where that is not its content.
  let decodedForms: [Int32: [UInt8]]

  /// - Parameter decodesVerbatim: whether a decoder of bytes gets a token in stand-ins of ``ByteAlphabet``, so that
  ///   `é` decodes to `é` and not to the byte that it stands in for
  init(_ tokens: [AddedToken], normalizers: [any Normalizer], decodesVerbatim: Bool) {
    self.tokens = tokens
    let (after, before) = (tokens.filter(\.isNormalized), tokens.filter { !$0.isNormalized })
    verbatim = AddedTokenFinder(before, patterns: before.map { Array($0.content.utf8) })
    let patterns = after.map { token in
      normalizers.reduce(AlignedText(token.content.utf8)) { $1.normalize($0) }.bytes
    }
    normalized = AddedTokenFinder(after, patterns: patterns)
    var forms: [Int32: [UInt8]] = [:]
    for (token, pattern) in zip(after, patterns) where !pattern.elementsEqual(token.content.utf8) {
      forms[token.id] = pattern
    }
    if decodesVerbatim {
      for token in tokens { forms[token.id] = AlignedText(token.content.utf8).spelledInBytes().bytes }
    }
    decodedForms = forms
  }
}
