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

/// The characters of `\w` in the `regex` crate: letters, marks, digits, connectors and joiners.
enum WordCharacters {
  static func contains(_ value: UInt32) -> Bool {
    if value < 0x80 {
      switch value {
      case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: return true
      default: return false
      }
    }
    return set.contains(value)
  }

  private static let set = PatternProperties.word.union(ScalarSet([0x200C...0x200D]))
}
