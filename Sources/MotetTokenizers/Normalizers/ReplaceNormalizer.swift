import MotetFormats

/// Puts a text in place of every match of a pattern.
struct ReplaceNormalizer: Normalizer {
  static let type = "Replace"

  let pattern: TextPattern
  let content: String

  init(_ fields: StepFields) throws {
    pattern = try TextPattern(fields)
    content = try fields.insertion("content")
  }

  init(_ pattern: TextPattern, with content: String) {
    self.pattern = pattern
    self.content = content
  }

  var fields: [String: JSONValue] { ["pattern": pattern.json, "content": .string(content)] }

  func normalize(_ text: AlignedText) -> AlignedText {
    // Nothing is found in an empty text, not even by a pattern that matches nothing.
    if text.isEmpty { return text }
    let content = Array(content.utf8)
    var writer = AlignedText.Writer(capacity: text.count)
    var isChanged = false
    text.withBytes { bytes in
      pattern.forEachPiece([0..<bytes.count], of: bytes) { piece, matches in
        var start = piece.lowerBound
        for match in matches {
          isChanged = true
          writer.append(start..<match.lowerBound, of: text)
          // The last character that is replaced is where the new text comes from, as in `tokenizers`.
          let last = match.upperBound > 0 ? bytes.start(before: match.upperBound) : 0
          if !content.isEmpty { writer.append(content, from: text.origin(of: last)) }
          start = match.upperBound
        }
        writer.append(start..<piece.upperBound, of: text)
      }
    }
    return isChanged ? writer.text : text
  }
}
