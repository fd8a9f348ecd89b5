/// Cuts a template into words.
///
/// White space around tags follows `transformers`: the newline after a tag or comment is dropped (`trim_blocks`), as is
/// the white space before one that begins its line (`lstrip_blocks`), and one newline at the end of the template; `-`
/// drops all white space on its side and `+` none.
/// Source: jinja.palletsprojects.com/templates, "Whitespace Control".
struct Lexer {
  /// The template in UTF-8, with `\n` for every line break.
  private let source: [UInt8]
  private var position = 0
  private var tokens: [Token] = []
  /// The byte that ``line`` and ``lineStart`` were counted to.
  private var counted = 0
  private var line = 1
  private var lineStart = 0
  /// Whether what was read last ended a line.
  private var beginsLine = true

  init(_ template: String) {
    source = Self.normalized(template)
  }

  /// - Throws: ``TemplateError`` for tags, comments and strings that do not end
  mutating func tokenize() throws -> [Token] {
    while let opening = nextOpening() {
      let start = opening.position
      position = start + 2
      if let end = rawTagEnd(from: start) {
        addText(from: opening.textStart, to: start, sign: end.sign, isValue: false)
        try takeRaw(from: start, contentStart: end.contentStart)
        continue
      }
      let sign = takeSign()
      addText(from: opening.textStart, to: start, sign: sign, isValue: opening.kind == "{")
      switch opening.kind {
      case "#": try takeComment(from: start)
      case "%":
        add(.beginsTag, at: start)
        try takeTag(until: "%", from: start)
      default:
        add(.beginsValue, at: start)
        try takeTag(until: "}", from: start)
      }
    }
    add(.end, at: source.count)
    return tokens
  }

  private static func normalized(_ template: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(template.utf8.count)
    var isAfterReturn = false
    for byte in template.utf8 {
      if byte == 0x0A, isAfterReturn {
        isAfterReturn = false
        continue
      }
      isAfterReturn = byte == 0x0D
      bytes.append(byte == 0x0D ? 0x0A : byte)
    }
    if bytes.last == 0x0A { bytes.removeLast() }
    return bytes
  }
}

// MARK: - Text and comments

extension Lexer {
  /// Looks for the next `{{`, `{%` or `{#`; without one the rest is text.
  private mutating func nextOpening() -> (textStart: Int, position: Int, kind: Unicode.Scalar)? {
    let start = position
    while position + 1 < source.count {
      let next = source[position + 1]
      if source[position] == UInt8(ascii: "{"), "{%#".utf8.contains(next) {
        return (start, position, Unicode.Scalar(next))
      }
      position += 1
    }
    position = source.count
    if start < position { add(.text(string(start..<position)), at: start) }
    return nil
  }

  private mutating func takeSign() -> UInt8? {
    guard let byte = byte(at: position), byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") else {
      return nil
    }
    position += 1
    return byte
  }

  /// Adds the text before a tag, without the white space that the tag drops.
  private mutating func addText(from start: Int, to end: Int, sign: UInt8?, isValue: Bool) {
    var kept = end
    if sign == UInt8(ascii: "-") {
      let text = TemplateText(Array(source[start..<end]), .template)
      kept = start + text.stripped(.end).utf8Count
    } else if sign == nil, !isValue {
      let newline = source[start..<end].lastIndex(of: 0x0A)
      if newline != nil || beginsLine {
        let lineStart = newline.map { $0 + 1 } ?? start
        let text = TemplateText(Array(source[lineStart..<end]), .template)
        if text.stripped(.both).isEmpty { kept = lineStart }
      }
    }
    if start < kept { add(.text(string(start..<kept)), at: start) }
  }

  private mutating func takeComment(from start: Int) throws {
    let contentStart = position
    while position + 1 < source.count {
      guard source[position] == UInt8(ascii: "#"), source[position + 1] == UInt8(ascii: "}") else {
        position += 1
        continue
      }
      finishTag(sign: position > contentStart ? source[position - 1] : nil, end: position + 2)
      return
    }
    throw TemplateError.syntax(place(of: start), problem: "the comment does not end")
  }

  /// Goes on behind a tag or comment that ends before `end`.
  private mutating func finishTag(sign: UInt8?, end: Int) {
    position = end
    if sign == UInt8(ascii: "-") {
      skipSpace()
    } else if sign != UInt8(ascii: "+"), byte(at: position) == 0x0A {
      position += 1
    }
    beginsLine = position > 0 && source[position - 1] == 0x0A
  }

  /// Whether `{% raw %}` begins at `start`, and where its content does.
  private func rawTagEnd(from start: Int) -> (sign: UInt8?, contentStart: Int)? {
    guard let end = wordTagEnd("raw", from: start), end.close != UInt8(ascii: "+") else { return nil }
    var contentStart = end.end
    if end.close == UInt8(ascii: "-") { contentStart = spaceEnd(from: contentStart) }
    return (end.sign, contentStart)
  }

  /// Where a tag ends that holds nothing but `word`, with the signs at its sides.
  private func wordTagEnd(_ word: String, from start: Int) -> (sign: UInt8?, close: UInt8?, end: Int)? {
    guard byte(at: start) == UInt8(ascii: "{"), byte(at: start + 1) == UInt8(ascii: "%") else { return nil }
    var position = start + 2
    func sign() -> UInt8? { byte(at: position).flatMap { "-+".utf8.contains($0) ? $0 : nil } }
    let opening = sign()
    if opening != nil { position += 1 }
    position = spaceEnd(from: position)
    guard source[position...].starts(with: word.utf8) else { return nil }
    position = spaceEnd(from: position + word.utf8.count)
    let close = sign()
    if close != nil { position += 1 }
    guard byte(at: position) == UInt8(ascii: "%"), byte(at: position + 1) == UInt8(ascii: "}") else {
      return nil
    }
    return (opening, close, position + 2)
  }

  /// Takes everything up to `{% endraw %}` as text.
  private mutating func takeRaw(from start: Int, contentStart: Int) throws {
    beginsLine = contentStart > 0 && source[contentStart - 1] == 0x0A
    var end = contentStart
    while end < source.count {
      if let tag = wordTagEnd("endraw", from: end) {
        addText(from: contentStart, to: end, sign: tag.sign, isValue: false)
        finishTag(sign: tag.close, end: tag.end)
        return
      }
      end += 1
    }
    throw TemplateError.syntax(place(of: start), problem: "{% raw %} does not end")
  }
}

// MARK: - Tags

extension Lexer {
  /// Takes the words up to `%}` or `}}`.
  private mutating func takeTag(until end: Unicode.Scalar, from start: Int) throws {
    var brackets: [Token.Symbol] = []
    while true {
      skipSpace()
      if brackets.isEmpty, takeEnd(end) { return }
      guard position < source.count else {
        throw TemplateError.syntax(place(of: start), problem: "the tag does not end")
      }
      let place = place(of: position)
      let kind = try word(at: place)
      if case .symbol(let symbol) = kind { try balance(symbol, &brackets, at: place) }
      tokens.append(Token(kind: kind, place: place))
    }
  }

  private mutating func takeEnd(_ end: Unicode.Scalar) -> Bool {
    let sign = byte(at: position).flatMap { "-+".utf8.contains($0) ? $0 : nil }
    // `+}}` is an operator before the end, not an end.
    if sign == UInt8(ascii: "+"), end == "}" { return false }
    let close = position + (sign == nil ? 0 : 1)
    guard byte(at: close) == UInt8(ascii: end), byte(at: close + 1) == UInt8(ascii: "}") else { return false }
    add(end == "%" ? .endsTag : .endsValue, at: position)
    if end == "%" {
      finishTag(sign: sign, end: close + 2)
    } else {
      position = close + 2
      if sign != nil { skipSpace() }
      beginsLine = source[position - 1] == 0x0A
    }
    return true
  }

  private func balance(
    _ symbol: Token.Symbol, _ brackets: inout [Token.Symbol], at place: TemplatePlace
  ) throws {
    switch symbol {
    case .opensList: brackets.append(.closesList)
    case .opensParenthesis: brackets.append(.closesParenthesis)
    case .opensMapping: brackets.append(.closesMapping)
    case .closesList, .closesParenthesis, .closesMapping:
      guard brackets.popLast() == symbol else {
        throw TemplateError.syntax(place, problem: "'\(symbol.rawValue)' closes nothing")
      }
    default: break
    }
  }

  private mutating func word(at place: TemplatePlace) throws -> Token.Kind {
    let byte = source[position]
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      var number = NumberLiteral(source, at: position)
      let kind = try number.read(
        isAfterDot: position > 0 && source[position - 1] == UInt8(ascii: "."), at: place)
      position = number.position
      return kind
    case UInt8(ascii: "'"), UInt8(ascii: "\""):
      var literal = StringLiteral(source, at: position)
      let string = try literal.read(at: place)
      position = literal.position
      return .string(string)
    default: break
    }
    let end = nameEnd(from: position)
    if end > position {
      defer { position = end }
      return .name(string(position..<end))
    }
    for symbol in Token.Symbol.allCases where source[position...].starts(with: symbol.rawValue.utf8) {
      position += symbol.rawValue.utf8.count
      return .symbol(symbol)
    }
    let character = TemplateText(Array(source[position...].prefix(4)), .template).scalar(at: 0).scalar
    throw TemplateError.syntax(place, problem: "the character '\(character)' has no meaning here")
  }

  private func nameEnd(from start: Int) -> Int {
    var end = start
    while end < source.count {
      switch source[end] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        end += 1
      case 0x80...:
        let rest = TemplateText(Array(source[end...].prefix(4)), .template)
        let (scalar, length) = rest.scalar(at: 0)
        guard scalar.isPythonAlphanumeric || scalar.properties.isXIDContinue else { return end }
        end += length
      default: return end
      }
    }
    return end
  }
}

// MARK: - Places

extension Lexer {
  private func byte(at position: Int) -> UInt8? { position < source.count ? source[position] : nil }

  private func string(_ range: Range<Int>) -> String { String(decoding: source[range], as: UTF8.self) }

  private func spaceEnd(from start: Int) -> Int {
    var position = start
    while position < source.count {
      if source[position] < 0x80 {
        guard Unicode.Scalar(source[position]).isPythonSpace else { return position }
        position += 1
      } else {
        let rest = TemplateText(Array(source[position...].prefix(4)), .template)
        let (scalar, length) = rest.scalar(at: 0)
        guard scalar.isPythonSpace else { return position }
        position += length
      }
    }
    return position
  }

  private mutating func skipSpace() { position = spaceEnd(from: position) }

  private mutating func add(_ kind: Token.Kind, at position: Int) {
    tokens.append(Token(kind: kind, place: place(of: position)))
  }

  /// Places are asked for in order, but for those of errors, so that lines are counted once.
  private mutating func place(of position: Int) -> TemplatePlace {
    if position < counted { (counted, line, lineStart) = (0, 1, 0) }
    while counted < position {
      if source[counted] == 0x0A { (line, lineStart) = (line + 1, counted + 1) }
      counted += 1
    }
    return TemplatePlace(line: line, column: max(1, position - lineStart + 1))
  }
}
