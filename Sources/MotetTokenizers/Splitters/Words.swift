/// A text cut into words, none of them empty. What lies between two words is left out.
struct Words: Sendable {
  private(set) var text: AlignedText
  private(set) var ranges: [Range<Int>]
  /// Whether each byte of the text stands for its stand-in of ``ByteAlphabet``, which a model over bytes need not see
  /// written out.
  private(set) var isByteLevel = false

  init(_ text: AlignedText) {
    self.text = text
    ranges = text.isEmpty ? [] : [0..<text.count]
  }

  /// Cuts each word: `body` appends the ranges of its parts.
  mutating func cut(
    _ body: (UnsafeBufferPointer<UInt8>, _ word: Range<Int>, _ parts: inout [Range<Int>]) -> Void
  ) {
    spellOut()
    var parts: [Range<Int>] = []
    parts.reserveCapacity(max(ranges.count, text.count / 4))
    text.withBytes { bytes in
      for word in ranges { body(bytes, word, &parts) }
    }
    ranges = parts
  }

  /// Cuts each word at the matches of a pattern.
  mutating func cut(at pattern: TextPattern, _ behavior: SplitBehavior, inverted: Bool = false) {
    spellOut()
    var parts: [Range<Int>] = []
    text.withBytes { bytes in
      pattern.forEachPiece(ranges, of: bytes) { word, matches in
        behavior.append(word, matches: matches, inverted: inverted, to: &parts)
      }
    }
    ranges = parts
  }

  /// Cuts each word at every character of which `condition` holds.
  mutating func cut(at condition: (UInt32) -> Bool, _ behavior: SplitBehavior) {
    var matches: [Range<Int>] = []
    cut { bytes, word, parts in
      matches.removeAll(keepingCapacity: true)
      var position = word.lowerBound
      while position < word.upperBound {
        let (value, end) = bytes.scalar(at: position)
        if condition(value) { matches.append(position..<end) }
        position = end
      }
      behavior.append(word, matches: matches, inverted: false, to: &parts)
    }
  }

  /// Writes each word anew.
  mutating func rewrite(_ body: (_ word: Range<Int>, _ text: AlignedText, inout AlignedText.Writer) -> Void) {
    spellOut()
    var writer = AlignedText.Writer(capacity: text.count + ranges.count)
    var words: [Range<Int>] = []
    words.reserveCapacity(ranges.count)
    for word in ranges {
      let start = writer.count
      body(word, text, &writer)
      if writer.count > start { words.append(start..<writer.count) }
    }
    text = writer.text
    ranges = words
  }

  /// From here on, each byte stands for its stand-in.
  mutating func makeByteLevel() {
    spellOut()
    isByteLevel = true
  }

  /// Writes the stand-ins out, for those who look at characters.
  mutating func spellOut() {
    guard isByteLevel else { return }
    isByteLevel = false
    rewrite { word, text, writer in
      for index in word {
        writer.append(ByteAlphabet.values[Int(text.bytes[index])], from: text.origin(of: index))
      }
    }
  }
}
