import MotetFormats

/// Words and runs of what is neither a word nor white space: `\w+|[^\w\s]+`.
struct Whitespace: Splitter {
  static let type = "Whitespace"

  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }

  func split(_ words: inout Words) {
    words.cut { bytes, word, parts in
      var start = word.lowerBound
      var kind = Kind.space
      var position = start
      while position < word.upperBound {
        let (value, end) = bytes.scalar(at: position)
        let next = Self.kind(of: value)
        if next != kind {
          if kind != .space { parts.append(start..<position) }
          (start, kind) = (position, next)
        }
        position = end
      }
      if kind != .space, start < position { parts.append(start..<position) }
    }
  }

  private enum Kind { case word, space, other }

  private static func kind(of value: UInt32) -> Kind {
    WhiteSpace.contains(value) ? .space : WordCharacters.contains(value) ? .word : .other
  }
}
