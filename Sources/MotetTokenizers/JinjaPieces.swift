/// A Jinja template cut into what it prints and what it decides: enough to recognise a template by its
/// wording, not an engine that runs any.
///
/// White space around tags follows `transformers`, which renders with `trim_blocks` and `lstrip_blocks`.
/// Source: jinja.palletsprojects.com/templates, "Whitespace Control".
enum JinjaPiece: Equatable {
  /// Text that is printed as it stands: outside of tags, or a string literal in `{{ }}`.
  case text(String)
  /// An operand printed by `{{ }}` that is no string literal.
  case value([Lexeme])
  /// The inside of `{% %}`.
  case statement([Lexeme])

  /// A word of Jinja code. `.name` reads as `['name']`, which means the same.
  enum Lexeme: Equatable {
    case word(String)
    case string(String)
    case symbol(Character)
  }

  /// The pieces of a template, neighbouring texts joined.
  ///
  /// - Throws: ``TokenizerError/unsupportedTemplate(reason:)`` for a tag or string that does not end.
  static func pieces(of template: String) throws -> [JinjaPiece] {
    var scanner = JinjaScanner(template)
    return try scanner.pieces()
  }

  /// The words of a piece of code, for comparing with what a template holds.
  static func lexemes(_ code: String) throws -> [Lexeme] {
    var scanner = JinjaScanner(code)
    return try scanner.lexemes(until: nil).lexemes
  }
}

private struct JinjaScanner {
  private let characters: [Unicode.Scalar]
  private var position = 0
  private var found: [JinjaPiece] = []

  init(_ source: String) {
    characters = Array(source.unicodeScalars)
  }

  mutating func pieces() throws -> [JinjaPiece] {
    var raw = ""
    var startsLine = true
    while position < characters.count {
      guard characters[position] == "{", let kind = peek(1), kind == "{" || kind == "%" || kind == "#" else {
        raw.unicodeScalars.append(characters[position])
        position += 1
        continue
      }
      position += 2
      var trimsBefore = false
      if peek(0) == "-" { (trimsBefore, position) = (true, position + 1) }
      addText(trimmedEnd(of: raw, startsLine: startsLine, all: trimsBefore, line: kind != "{"))
      raw = ""
      let trimsAfter = try scanTag(kind)
      if trimsAfter {
        skip { $0.properties.isWhitespace }
      } else if kind != "{", peek(0) == "\n" {
        position += 1
      }
      startsLine = characters[position - 1] == "\n"
    }
    // Jinja drops one newline at the end of a template.
    addText(raw.hasSuffix("\n") ? String(raw.dropLast()) : raw)
    return found
  }

  /// Scans a tag after its opening; says whether it trims the white space after it.
  private mutating func scanTag(_ kind: Unicode.Scalar) throws -> Bool {
    if kind == "#" {
      while position < characters.count, !(peek(0) == "#" && peek(1) == "}") { position += 1 }
      guard position < characters.count else { throw unfinished("a comment") }
      position += 2
      return position >= 3 && characters[position - 3] == "-"
    }
    let (lexemes, trims) = try lexemes(until: kind == "{" ? "}" : "%")
    if kind == "%" {
      found.append(.statement(lexemes))
    } else {
      for operand in lexemes.split(separator: .symbol("+"), omittingEmptySubsequences: false) {
        if operand.count == 1, case .string(let text)? = operand.first {
          addText(text)
        } else {
          found.append(.value(Array(operand)))
        }
      }
    }
    return trims
  }

  /// The words of code up to the tag's end: `closing` and a brace, or the end of the source for nil.
  mutating func lexemes(until closing: Unicode.Scalar?) throws -> (lexemes: [JinjaPiece.Lexeme], trims: Bool)
  {
    var lexemes: [JinjaPiece.Lexeme] = []
    while let scalar = peek(0) {
      if let closing {
        if scalar == closing, peek(1) == "}" {
          position += 2
          return (lexemes, false)
        }
        if scalar == "-", peek(1) == closing, peek(2) == "}" {
          position += 3
          return (lexemes, true)
        }
      }
      position += 1
      if scalar == "'" || scalar == "\"" {
        lexemes.append(.string(try string(endingWith: scalar)))
      } else if Self.isWordPart(scalar) {
        let word = word(startingWith: scalar)
        if lexemes.last == .symbol("."), Int(word) == nil {
          lexemes[lexemes.count - 1] = .symbol("[")
          lexemes += [.string(word), .symbol("]")]
        } else {
          lexemes.append(.word(word))
        }
      } else if !scalar.properties.isWhitespace {
        lexemes.append(.symbol(Character(scalar)))
      }
    }
    guard closing == nil else { throw unfinished("a tag") }
    return (lexemes, false)
  }

  private mutating func word(startingWith first: Unicode.Scalar) -> String {
    var word = String(first)
    while let scalar = peek(0), Self.isWordPart(scalar) {
      word.unicodeScalars.append(scalar)
      position += 1
    }
    return word
  }

  private mutating func string(endingWith quote: Unicode.Scalar) throws -> String {
    var text = ""
    while let scalar = peek(0) {
      position += 1
      if scalar == quote { return text }
      guard scalar == "\\", let escaped = peek(0) else {
        text.unicodeScalars.append(scalar)
        continue
      }
      position += 1
      switch escaped {
      case "n": text += "\n"
      case "t": text += "\t"
      case "r": text += "\r"
      case "\\", "'", "\"": text.unicodeScalars.append(escaped)
      default:
        throw TokenizerError.unsupportedTemplate(reason: "the escape \\\(escaped) in a string")
      }
    }
    throw unfinished("a string")
  }

  private mutating func addText(_ text: String) {
    if text.isEmpty { return }
    if case .text(let before)? = found.last {
      found[found.count - 1] = .text(before + text)
    } else {
      found.append(.text(text))
    }
  }

  /// `raw` without the white space at its end: all of it, or what indents the tag that follows.
  private func trimmedEnd(of raw: String, startsLine: Bool, all: Bool, line: Bool) -> String {
    let scalars = raw.unicodeScalars
    if all {
      let end = scalars.lastIndex { !$0.properties.isWhitespace }.map { scalars.index(after: $0) }
      return String(scalars[..<(end ?? scalars.startIndex)])
    }
    guard line else { return raw }
    let last = scalars.lastIndex { $0 != " " && $0 != "\t" }
    guard let last else { return startsLine ? "" : raw }
    return scalars[last] == "\n" ? String(scalars[...last]) : raw
  }

  private mutating func skip(while condition: (Unicode.Scalar) -> Bool) {
    while let scalar = peek(0), condition(scalar) { position += 1 }
  }

  private func peek(_ offset: Int) -> Unicode.Scalar? {
    position + offset < characters.count ? characters[position + offset] : nil
  }

  private func unfinished(_ what: String) -> TokenizerError {
    .unsupportedTemplate(reason: "\(what) in it does not end")
  }

  private static func isWordPart(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
  }
}
