/// Takes an f-string apart: `{value!r:>8}` between texts, `{{` and `}}` for braces.
enum PythonFormattedString {
  static func pieces(_ raw: String) throws -> [PythonPiece] {
    var pieces: [PythonPiece] = []
    var text = ""
    var rest = Array(raw)[...]
    while let c = rest.popFirst() {
      if c == "{" || c == "}", rest.first == c {
        text.append(c)
        rest = rest.dropFirst()
      } else if c == "{" {
        if !text.isEmpty { pieces.append(.text(text)) }
        text = ""
        pieces.append(try value(&rest))
      } else {
        text.append(c)
      }
    }
    if !text.isEmpty { pieces.append(.text(text)) }
    return pieces
  }

  private static func value(_ rest: inout ArraySlice<Character>) throws -> PythonPiece {
    var (source, format, depth) = ("", "", 0)
    var quote: Character?
    var inFormat = false
    var conversion: Character?
    while let c = rest.popFirst() {
      if !inFormat, let open = quote {
        if c == open { quote = nil }
        source.append(c)
      } else if inFormat {
        if c == "}" { return try piece(source, conversion, format) }
        format.append(c)
      } else if c == "'" || c == "\"" {
        quote = c
        source.append(c)
      } else if c == "}", depth == 0 {
        return try piece(source, conversion, format)
      } else if c == ":", depth == 0 {
        inFormat = true
      } else if c == "!", depth == 0, rest.first != "=" {
        conversion = rest.popFirst()
      } else {
        if "([{".contains(c) { depth += 1 }
        if ")]}".contains(c) { depth -= 1 }
        source.append(c)
      }
    }
    throw PythonError.syntax("f-string without closing brace")
  }

  private static func piece(_ source: String, _ conversion: Character?, _ format: String) throws
    -> PythonPiece
  {
    guard source.contains(where: { $0 != " " }) else { throw PythonError.syntax("empty f-string field") }
    // In brackets a line break or blanks around the value do no harm.
    var parser = PythonParser(tokens: try PythonLexer.tokens(of: "(" + source + ")"))
    return .value(try parser.expressions(), conversion: conversion, format: format)
  }
}
