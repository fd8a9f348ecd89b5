/// The tokens that are found in a text whole, before it is cut into words: `<|im_end|>` and the like.
///
/// Of the tokens that match, the leftmost wins, then the longest, as in Hugging Face `tokenizers`.
struct AddedTokens: Sendable {
  /// For each first byte the tokens that start with it, longest first.
  private var byFirstByte: [[(bytes: [UInt8], id: Int32)]] = Array(repeating: [], count: 256)
  private(set) var isEmpty = true

  init(_ tokens: some Sequence<(text: String, id: Int32)>) {
    for (text, id) in tokens {
      let bytes = Array(text.utf8)
      guard let first = bytes.first else { continue }
      byFirstByte[Int(first)].append((bytes, id))
      isEmpty = false
    }
    for index in byFirstByte.indices { byFirstByte[index].sort { $0.bytes.count > $1.bytes.count } }
  }

  /// Calls `between` with each stretch of `range` that holds none of the tokens (never an empty one) and
  /// `found` with each token, in order.
  func split(
    _ text: UnsafeBufferPointer<UInt8>, in range: Range<Int>, between: (Range<Int>) -> Void,
    found: (Int32) -> Void
  ) {
    var start = range.lowerBound
    var position = start
    while !isEmpty, position < range.upperBound {
      let rest = text[position..<range.upperBound]
      guard let match = byFirstByte[Int(text[position])].first(where: { rest.starts(with: $0.bytes) }) else {
        position += 1
        continue
      }
      if start < position { between(start..<position) }
      found(match.id)
      position += match.bytes.count
      start = position
    }
    if start < range.upperBound { between(start..<range.upperBound) }
  }
}
