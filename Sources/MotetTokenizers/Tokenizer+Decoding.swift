extension Tokenizer {
  /// The text of `tokens`. Ids outside the vocabulary are left out; bytes that are no valid UTF-8 become U+FFFD, in
  /// byte-level vocabularies one for each maximal invalid part (Unicode standard, section 3.9), in those that fall back to
  /// bytes one for each byte of the run.
  public func decode(_ tokens: some Sequence<Int32>, skippingSpecialTokens: Bool = false) -> String {
    var decoded: [UInt8] = []
    if decoding.isByteLevel {
      for id in tokens where !(skippingSpecialTokens && isSkipped(id)) {
        decoded.append(contentsOf: bytes(of: id))
      }
    } else {
      var running = decoding.begin()
      for id in tokens where !(skippingSpecialTokens && isSkipped(id)) {
        if let form = decodedForm(of: id) { decoded.append(contentsOf: running.append(form)) }
      }
      decoded.append(contentsOf: running.finish())
    }
    return String(decoding: decoded, as: UTF8.self)
  }
}
