import MotetTokenizers

/// Cuts documents into pieces that a row has room for.
struct DocumentPieces {
  let tokenizer: Tokenizer
  /// Tokens of a row, the end of a document among them.
  let limit: Int

  /// - Parameter maximumLength: nil takes the context
  init(_ encoder: RowEncoder, maximumLength: Int?) {
    tokenizer = encoder.tokenizer
    limit = max(1, (maximumLength ?? encoder.contextLength) - encoder.tokenizer.beginning.count)
  }

  /// Bytes to look at for one piece: a token of text has about four, and hardly ever more than eight.
  var windowSize: Int { max(1 << 12, limit * 8) }

  /// How many bytes of `window` the first piece has, and how many tokens.
  /// - Parameter isLast: whether the document ends with the window
  func first(of window: [UInt8], isLast: Bool) -> (bytes: Int, tokens: Int) {
    func tokens(_ count: Int) -> [Int32] {
      tokenizer.encode(String(decoding: window[..<count], as: UTF8.self))
    }
    var end = isLast ? window.count : Self.lastCharacterEnd(in: window)
    let all = tokens(end)
    if isLast, all.count < limit { return (end, all.count) }
    var count = all.count
    if count > limit {
      end = all[..<limit].reduce(0) { $0 + tokenizer.bytes(of: $1).count }
    } else if isLast {
      // Only the end of the document does not fit.
      end = window.count - 1
    }
    while true {
      end = max(Self.cut(in: window, before: end), Self.firstCharacterEnd(in: window))
      count = tokens(end).count
      if count <= limit || end <= 4 { return (end, count) }
      end = end * limit / count
    }
  }

  /// The best place to cut at or before `end`: after a paragraph, a line or before a word of the last quarter, else
  /// after a character.
  private static func cut(in window: [UInt8], before end: Int) -> Int {
    let end = min(end, window.count)
    let from = end - end / 4
    var line: Int?
    var word: Int?
    var place = end
    while place > from, place > 1 {
      if window[place - 1] == 10 {
        if place > 1, window[place - 2] == 10 { return place }
        line = line ?? place
      }
      if place < window.count, window[place] == 0x20, window[place - 1] != 0x20 { word = word ?? place }
      place -= 1
    }
    if let best = line ?? word { return best }
    return lastCharacterEnd(in: Array(window[..<end]))
  }

  /// Where the last whole character of `bytes` ends: a window may cut one.
  static func lastCharacterEnd(in bytes: [UInt8]) -> Int {
    var start = bytes.count
    while start > 0, bytes.count - start < 4 {
      start -= 1
      let byte = bytes[start]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
      return bytes.count - start >= length ? bytes.count : start
    }
    return bytes.count
  }

  private static func firstCharacterEnd(in bytes: [UInt8]) -> Int {
    var end = min(1, bytes.count)
    while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
    return end
  }
}
