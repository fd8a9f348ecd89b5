import MotetFormats

/// Cuts into words of so many characters.
struct FixedLength: Splitter {
  static let type = "FixedLength"

  let length: Int

  init(_ fields: StepFields) throws {
    length = try fields.count("length", or: 5)
    guard length > 0 else { throw fields.malformed("length", "is 0") }
  }

  var fields: [String: JSONValue] { ["length": .int(length)] }

  func split(_ words: inout Words) {
    words.cut { bytes, word, parts in
      var start = word.lowerBound
      var position = start
      var count = 0
      while position < word.upperBound {
        position = bytes.scalar(at: position).end
        count += 1
        if count == length || position == word.upperBound {
          parts.append(start..<position)
          (start, count) = (position, 0)
        }
      }
    }
  }
}
