/// The tokens that may come next, a bit each.
final class TokenMask: Sendable {
  private let words: [UInt64]
  let count: Int
  /// How many are allowed.
  let allowed: Int

  init(words: [UInt64], count: Int) {
    self.words = words
    self.count = count
    allowed = words.reduce(0) { $0 + $1.nonzeroBitCount }
  }

  /// Bytes that it holds in memory.
  var memory: Int { 8 * words.count + 64 }

  func contains(_ token: Int32) -> Bool {
    let index = Int(token)
    return index >= 0 && index < count && words[index >> 6] & (1 << UInt64(index & 63)) != 0
  }

  /// Makes the others impossible.
  func apply(to logits: UnsafeMutableBufferPointer<Float>) {
    for (place, word) in words.enumerated() where word != .max {
      let first = place << 6
      let end = min(first + 64, logits.count)
      guard first < end else { break }
      if word == 0 {
        (logits.baseAddress.unsafelyUnwrapped + first).update(repeating: -.infinity, count: end - first)
        continue
      }
      for index in first..<end where word & (1 << UInt64(index - first)) == 0 { logits[index] = -.infinity }
    }
    // A model may have more logits than the tokenizer has tokens.
    let known = words.count << 6
    if known < logits.count { for index in known..<logits.count { logits[index] = -.infinity } }
  }
}
