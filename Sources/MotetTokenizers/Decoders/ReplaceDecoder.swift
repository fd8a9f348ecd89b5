import MotetFormats

/// Puts a text in place of every match of a pattern in a token.
struct ReplaceDecoder: DecodingStep {
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

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] { replaced(piece) }

  private func replaced(_ bytes: [UInt8]) -> [UInt8] {
    if let literal = pattern.literal { return bytes.replacingEach(literal, with: Array(content.utf8)) }
    // A step before this one may have made bytes that are not UTF-8 by themselves.
    guard String(validating: bytes, as: UTF8.self) != nil else { return bytes }
    var result: [UInt8] = []
    bytes.withUnsafeBufferPointer { text in
      pattern.forEachPiece([0..<text.count], of: text) { piece, matches in
        var start = piece.lowerBound
        for match in matches {
          result += text[start..<match.lowerBound]
          result += content.utf8
          start = match.upperBound
        }
        result += text[start..<piece.upperBound]
      }
    }
    return result
  }

  func begin() -> any DecodingState { State(step: self) }

  private struct State: DecodingState {
    let step: ReplaceDecoder
    private var elements = ElementBuffer()
    /// The end of an unfinished element, which may be the start of what is replaced.
    private var tail: [UInt8] = []

    init(step: ReplaceDecoder) { self.step = step }

    var isHolding: Bool { !elements.isEmpty || !tail.isEmpty }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      guard let literal = step.pattern.literal else {
        guard let element = elements.append(piece) else { return }
        return output.append(DecodedPiece(bytes: step.replaced(element)))
      }
      var text = tail + piece.bytes
      tail = []
      if !piece.endsElement {
        // After the last match, the longest end that the text to replace begins with is kept back.
        let free = text.endOfLastMatch(of: literal)
        let most = min(literal.count - 1, text.count - free)
        if let length = (1..<(most + 1)).reversed().first(where: { literal.starts(with: text.suffix($0)) }) {
          tail = Array(text.suffix(length))
          text.removeLast(length)
        }
      }
      let replaced = text.replacingEach(literal, with: Array(step.content.utf8))
      if !replaced.isEmpty || piece.endsElement {
        output.append(DecodedPiece(bytes: replaced, endsElement: piece.endsElement))
      }
    }

    mutating func finish(into output: inout [DecodedPiece]) {}
  }
}

extension [UInt8] {
  /// Where the last of the matches of `literal` ends that do not overlap, or 0.
  fileprivate func endOfLastMatch(of literal: [UInt8]) -> Int {
    var end = 0
    while let place = self[end...].firstPlace(of: literal) { end = place + literal.count }
    return end
  }
}
