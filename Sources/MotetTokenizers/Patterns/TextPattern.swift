import MotetFormats

/// What a step looks for: a text as it stands, or a regular expression.
struct TextPattern: Sendable {
  private enum Kind: Sendable {
    case literal([UInt8])
    case expression(PatternProgram)
  }

  private let source: String
  private let isExpression: Bool
  private let kind: Kind

  /// A regular expression.
  ///
  /// - Throws: ``PatternError``
  init(expression: String) throws {
    source = expression
    isExpression = true
    kind = .expression(try PatternProgram(expression))
  }

  init(literal: String) throws {
    source = literal
    isExpression = false
    // An empty text is found between all characters.
    kind = literal.isEmpty ? .expression(try PatternProgram("")) : .literal(Array(literal.utf8))
  }

  /// The pattern `{"String": …}` or `{"Regex": …}` in the member `pattern`.
  init(_ fields: StepFields) throws {
    let pattern = try fields.object("pattern")
    do {
      if let literal = try pattern.optionalString("String") {
        try self.init(literal: literal)
      } else {
        try self.init(expression: try pattern.string("Regex"))
      }
    } catch let error as PatternError {
      let shown = pattern.present("Regex")?.stringValue.map { String($0.prefix(60)) } ?? ""
      throw fields.malformed(
        "pattern", "holds the regular expression '\(shown)', which is refused: \(error.reason)")
    }
  }

  /// The pattern as `tokenizer.json` writes it.
  var json: JSONValue { .object([isExpression ? "Regex" : "String": .string(source)]) }

  /// The text that is looked for; nil for a regular expression.
  var literal: [UInt8]? { if case .literal(let bytes) = kind { bytes } else { nil } }

  /// Calls `body` with each piece of `text` and the matches in it. Every piece counts as a text of its own.
  func forEachPiece(
    _ pieces: [Range<Int>], of text: UnsafeBufferPointer<UInt8>,
    _ body: (_ piece: Range<Int>, _ matches: [Range<Int>]) -> Void
  ) {
    var matches: [Range<Int>] = []
    switch kind {
    case .literal(let literal):
      for piece in pieces {
        matches.removeAll(keepingCapacity: true)
        Self.find(literal, in: text, piece) { matches.append($0) }
        body(piece, matches)
      }
    case .expression(let program):
      program.withMatcher(for: text) { matcher in
        for piece in pieces {
          matches.removeAll(keepingCapacity: true)
          matcher.forEachMatch(in: piece) { matches.append($0) }
          body(piece, matches)
        }
      }
    }
  }

  private static func find(
    _ literal: [UInt8], in text: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>,
    _ body: (Range<Int>) -> Void
  ) {
    guard let first = literal.first else { return }
    var position = piece.lowerBound
    let last = piece.upperBound - literal.count
    while position <= last {
      if text[position] == first, text[position..<position + literal.count].elementsEqual(literal) {
        body(position..<position + literal.count)
        position += literal.count
      } else {
        position += 1
      }
    }
  }
}
