/// Splits Python source into tokens, turning the depth of lines into `indent` and `dedent`.
/// Source: The Python Language Reference, chapter 2.
struct PythonLexer {
  private let source: [Character]
  private var at = 0
  private var tokens: [PythonToken] = []
  private var indents = [0]
  private var brackets = 0

  private static let marks = [
    "**=", "//=", "...", ">>=", "<<=", "**", "//", "==", "!=", "<=", ">=", "->", "+=", "-=", "*=", "/=", "%=",
    ":=", "<<", ">>", "&=", "|=", "^=",
  ]

  static func tokens(of source: String) throws -> [PythonToken] {
    var lexer = PythonLexer(source: Array(source.split(separator: "\r\n").joined(separator: "\n")))
    try lexer.run()
    return lexer.tokens
  }

  private init(source: [Character]) {
    self.source = source
  }

  private func peek(_ offset: Int = 0) -> Character? {
    at + offset < source.count ? source[at + offset] : nil
  }

  private mutating func run() throws {
    try startLine()
    while let c = peek() {
      if c == "\n" {
        at += 1
        if brackets == 0 {
          if tokens.last != .newline, !tokens.isEmpty { tokens.append(.newline) }
          try startLine()
        }
      } else if c == " " || c == "\t" {
        at += 1
      } else if c == "\\", peek(1) == "\n" {
        at += 2
      } else if c == "#" {
        skipComment()
      } else if c.isNumber || (c == "." && peek(1)?.isNumber == true) {
        try number()
      } else if c.isLetter || c == "_" {
        try word()
      } else if c == "\"" || c == "'" {
        try string(formatted: false, raw: false)
      } else {
        try mark(c)
      }
    }
    if tokens.last != .newline { tokens.append(.newline) }
    tokens += Array(repeating: .dedent, count: indents.count - 1)
    tokens.append(.end)
  }

  private mutating func skipComment() {
    while let c = peek(), c != "\n" {
      _ = c
      at += 1
    }
  }

  /// Reads the blanks that begin a line; lines with nothing else count for nothing.
  private mutating func startLine() throws {
    while true {
      var width = 0
      while let c = peek(), c == " " || c == "\t" {
        width = c == " " ? width + 1 : (width / 8 + 1) * 8
        at += 1
      }
      guard let c = peek() else { return }
      if c == "#" { skipComment() }
      if peek() == "\n" {
        at += 1
        continue
      }
      guard peek() != nil else { return }
      if width > indents[indents.count - 1] {
        indents.append(width)
        tokens.append(.indent)
      }
      while width < indents[indents.count - 1] {
        indents.removeLast()
        tokens.append(.dedent)
      }
      guard width == indents[indents.count - 1] else { throw PythonError.syntax("uneven indentation") }
      return
    }
  }

  private mutating func number() throws {
    var text = ""
    while let c = peek() {
      if c.isASCII, c.isNumber || c == "." {
        text.append(c)
      } else if c == "e" || c == "E", !text.contains("e"),
        peek(1)?.isNumber == true || peek(1) == "-" || peek(1) == "+"
      {
        text += "e"
        if let sign = peek(1), !sign.isNumber {
          text.append(sign)
          at += 1
        }
      } else if c != "_" {
        break
      }
      at += 1
    }
    if let value = Int(text) {
      tokens.append(.integer(value))
    } else if let value = Double(text.hasSuffix(".") ? text + "0" : text.hasPrefix(".") ? "0" + text : text) {
      tokens.append(.real(value))
    } else {
      throw PythonError.syntax("bad number \(text)")
    }
  }

  private mutating func word() throws {
    var text = ""
    while let c = peek(), c.isLetter || c.isNumber || c == "_" {
      text.append(c)
      at += 1
    }
    if let quote = peek(), quote == "\"" || quote == "'",
      ["f", "r", "b", "fr", "rf"].contains(text.lowercased())
    {
      try string(
        formatted: text.lowercased().contains("f"), raw: text.lowercased().contains("r"))
    } else {
      tokens.append(.name(text))
    }
  }

  private mutating func string(formatted: Bool, raw: Bool) throws {
    guard let quote = peek() else { return }
    let long = peek(1) == quote && peek(2) == quote
    at += long ? 3 : 1
    var text = ""
    while true {
      guard let c = peek() else { throw PythonError.syntax("string without end") }
      if c == quote, !long || (peek(1) == quote && peek(2) == quote) {
        at += long ? 3 : 1
        break
      }
      guard c != "\n" || long else { throw PythonError.syntax("string without end") }
      if c == "\\", !raw, let next = peek(1) {
        let plain: [Character: String] = ["n": "\n", "t": "\t", "r": "\r", "0": "\0", "\n": ""]
        text += plain[next] ?? (["\\", "'", "\""].contains(next) ? String(next) : "\\" + String(next))
        at += 2
      } else {
        text.append(c)
        at += 1
      }
    }
    // Neighbouring strings are one string.
    if case .string(let before)? = tokens.last, !formatted {
      tokens[tokens.count - 1] = .string(before + text)
    } else {
      tokens.append(formatted ? .formatted(text) : .string(text))
    }
  }

  private mutating func mark(_ c: Character) throws {
    for mark in Self.marks where source[at...].starts(with: mark) {
      tokens.append(.mark(mark))
      at += mark.count
      return
    }
    guard "+-*/%<>=()[]{},:.;@&|^~".contains(c) else { throw PythonError.syntax("unexpected '\(c)'") }
    if "([{".contains(c) { brackets += 1 }
    if ")]}".contains(c) { brackets = max(0, brackets - 1) }
    tokens.append(.mark(String(c)))
    at += 1
  }
}
