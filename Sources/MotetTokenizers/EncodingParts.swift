/// A stretch of a text, and whether special tokens written in it count as such.
public struct TextPart: Sendable, Equatable {
  public var text: String
  /// Whether `<|im_end|>` in the text is the special token, or the ten characters it is written with.
  public var parsesSpecialTokens: Bool

  public init(_ text: String, parsesSpecialTokens: Bool) {
    self.text = text
    self.parsesSpecialTokens = parsesSpecialTokens
  }
}

/// A token and the place in the text at which it starts.
public struct PlacedToken: Sendable, Equatable {
  public var id: Int32
  /// The offset in UTF-8 bytes. A token that starts inside a character has the offset of that character's first byte.
  public var start: Int

  public init(id: Int32, start: Int) {
    self.id = id
    self.start = start
  }
}

extension Tokenizer {
  /// The tokens of several stretches that make one text, each with the place at which it starts.
  public func encode(_ parts: [TextPart], addingSpecialTokens: Bool = false) -> [PlacedToken] {
    let special = AddedTokens(
      (0..<Int32(vocabularySize)).lazy.filter { isSpecial($0) }.compactMap { id in
        token(id).map { (text: $0, id: id) }
      })
    let text = Array(parts.map(\.text).joined().utf8)
    var runs: [(end: Int, parses: Bool)] = []
    var end = 0
    for part in parts {
      end += part.text.utf8.count
      if runs.last?.parses == part.parsesSpecialTokens { runs.removeLast() }
      runs.append((end, part.parsesSpecialTokens))
    }
    var placed: [PlacedToken] = []
    func append(_ ids: [Int32], from start: Int) {
      var position = start
      for id in ids {
        var first = min(position, text.count)
        while first > start, first < text.count, text[first] & 0xC0 == 0x80 { first -= 1 }
        placed.append(PlacedToken(id: id, start: first))
        position += bytes(of: id).count
      }
    }
    var pending = 0..<0
    func flush() {
      append(encode(String(decoding: text[pending], as: UTF8.self)), from: pending.lowerBound)
      pending = pending.upperBound..<pending.upperBound
    }
    var start = 0
    for run in runs {
      var position = start
      text.withUnsafeBufferPointer { bytes in
        (run.parses ? special : AddedTokens([])).split(
          bytes, in: start..<run.end,
          between: {
            pending = pending.lowerBound..<$0.upperBound
            position = $0.upperBound
          },
          found: { id in
            flush()
            append([id], from: position)
            position += self.bytes(of: id).count
            pending = position..<position
          })
      }
      start = run.end
    }
    flush()
    return placed
  }
}
