/// Finds added tokens in a text: of those that match, the leftmost, then the longest.
///
/// As in Hugging Face `tokenizers`, a match that is not wanted, because special tokens are not parsed there or a letter
/// stands beside it, still hides what lies inside it.
struct AddedTokenFinder: Sendable {
  /// A stretch of the text, and the added token that it is, if any.
  typealias Stretch = (range: Range<Int>, token: AddedToken?)

  private let tokens: [AddedToken]
  private let trie: ByteTrie
  private let hasFirst: [Bool]

  /// - Parameter patterns: for each token the text to look for
  init(_ tokens: [AddedToken], patterns: [[UInt8]]) {
    self.tokens = tokens
    trie = ByteTrie(zip(patterns, tokens.indices).map { ($0[...], Int32($1)) })
    var hasFirst = [Bool](repeating: false, count: 256)
    for first in patterns.compactMap(\.first) { hasFirst[Int(first)] = true }
    self.hasFirst = hasFirst
  }

  var isEmpty: Bool { trie.isEmpty }

  /// Calls `body` with the stretches that cover the text: tokens, and what lies between them, none of it empty. A token
  /// that begins with white space may begin before the end of one that takes white space after it.
  /// - Parameter allows: whether a special token may stand at a range: nil if a part of the range may and another not
  func forEachStretch(
    of text: UnsafeBufferPointer<UInt8>, allows: (Range<Int>) -> Bool?, _ body: (Stretch) -> Void
  ) {
    var done = 0
    var position = 0
    while position < text.count {
      guard hasFirst[Int(text[position])], let (match, token) = match(in: text, at: position, allows: allows)
      else {
        position += 1
        continue
      }
      position = match.upperBound
      guard let token, isWanted(token, at: match, in: text) else { continue }
      var (start, end) = (match.lowerBound, match.upperBound)
      if token.stripsLeft { start = max(Self.spaceStart(before: start, in: text), done) }
      if token.stripsRight { end = Self.spaceEnd(after: end, in: text) }
      if done < start { body((done..<start, nil)) }
      body((start..<end, token))
      done = end
    }
    if done < text.count { body((done..<text.count, nil)) }
  }

  /// The longest match at `position`; without its token if that is special and special ones are not parsed there.
  private func match(
    in text: UnsafeBufferPointer<UInt8>, at position: Int, allows: (Range<Int>) -> Bool?
  ) -> (Range<Int>, AddedToken?)? {
    var found: (Range<Int>, AddedToken?)?
    var node = ByteTrie.root
    var end = position
    while end < text.count {
      node = trie.child(of: node, text[end])
      if node < 0 { break }
      end += 1
      let value = trie.value(at: node)
      guard value >= 0 else { continue }
      let token = tokens[Int(value)]
      if !token.isSpecial {
        found = (position..<end, token)
      } else if let isAllowed = allows(position..<end) {
        found = (position..<end, isAllowed ? token : nil)
      }
      // A special token that reaches from one part of the text into another does not count at all.
    }
    return found
  }

  private func isWanted(_ token: AddedToken, at match: Range<Int>, in text: UnsafeBufferPointer<UInt8>)
    -> Bool
  {
    guard token.isSingleWord else { return true }
    if match.lowerBound > 0 {
      let before = text.scalar(at: text.start(before: match.lowerBound)).value
      if WordCharacters.contains(before) { return false }
    }
    return match.upperBound == text.count
      || !WordCharacters.contains(text.scalar(at: match.upperBound).value)
  }

  private static func spaceStart(before end: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    var start = end
    while start > 0 {
      let before = text.start(before: start)
      guard WhiteSpace.contains(text.scalar(at: before).value) else { break }
      start = before
    }
    return start
  }

  private static func spaceEnd(after start: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    var end = start
    while end < text.count {
      let (value, next) = text.scalar(at: end)
      guard WhiteSpace.contains(value) else { break }
      end = next
    }
    return end
  }
}
