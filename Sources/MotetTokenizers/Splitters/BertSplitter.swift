import MotetFormats

/// Cuts at white space, which is left out, and around every sign of punctuation.
struct BertSplitter: Splitter {
  static let type = "BertPreTokenizer"

  init(_ fields: StepFields = StepFields()) {}
  var fields: [String: JSONValue] { [:] }

  func split(_ words: inout Words) {
    words.cut { bytes, word, parts in
      var start = word.lowerBound
      var position = start
      while position < word.upperBound {
        let (value, end) = bytes.scalar(at: position)
        let isSpace = WhiteSpace.contains(value)
        if isSpace || Punctuation.contains(value) {
          if start < position { parts.append(start..<position) }
          if !isSpace { parts.append(position..<end) }
          start = end
        }
        position = end
      }
      if start < word.upperBound { parts.append(start..<word.upperBound) }
    }
  }
}
