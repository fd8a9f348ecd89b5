/// Recursive descent over the tokens: the statements. Expressions stand in `PythonParser+Expressions`.
/// Source: The Python Language Reference, chapters 6 to 8.
struct PythonParser {
  var tokens: [PythonToken]
  var at = 0
  var depth = 0

  static func program(_ source: String) throws -> [PythonStatement] {
    var parser = PythonParser(tokens: try PythonLexer.tokens(of: source))
    var statements: [PythonStatement] = []
    while parser.token != .end {
      if parser.token == .newline {
        parser.at += 1
      } else {
        statements += try parser.statement()
      }
    }
    return statements
  }

  var token: PythonToken { at < tokens.count ? tokens[at] : .end }

  func isMark(_ text: String) -> Bool { token == .mark(text) }
  func isName(_ text: String) -> Bool { token == .name(text) }

  mutating func accept(_ mark: String) -> Bool {
    guard isMark(mark) else { return false }
    at += 1
    return true
  }

  mutating func acceptName(_ name: String) -> Bool {
    guard isName(name) else { return false }
    at += 1
    return true
  }

  mutating func expect(_ mark: String) throws {
    guard accept(mark) else { throw PythonError.syntax("expected '\(mark)', found \(token)") }
  }

  mutating func identifier() throws -> String {
    guard case .name(let name) = token else { throw PythonError.syntax("expected a name, found \(token)") }
    at += 1
    return name
  }

  /// Guards the machine's stack against deeply nested source.
  mutating func nested<Result>(_ body: (inout PythonParser) throws -> Result) throws -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth < 60 else { throw PythonError.syntax("nested too deeply") }
    return try body(&self)
  }

  mutating func block() throws -> [PythonStatement] {
    try expect(":")
    guard token == .newline else { return try simpleLine() }
    at += 1
    guard token == .indent else { throw PythonError.syntax("expected an indented block") }
    at += 1
    return try nested { parser in
      var statements: [PythonStatement] = []
      while parser.token != .dedent, parser.token != .end { statements += try parser.statement() }
      if parser.token == .dedent { parser.at += 1 }
      return statements
    }
  }

  private mutating func statement() throws -> [PythonStatement] {
    while accept("@") {
      _ = try expression()
      at += 1
    }
    guard case .name(let word) = token else { return try simpleLine() }
    switch word {
    case "if": return [try ifStatement()]
    case "while":
      at += 1
      let test = try expression()
      return [.while(test, try block(), otherwise: try elseBlock())]
    case "for":
      at += 1
      let target = try targets()
      guard acceptName("in") else { throw PythonError.syntax("expected 'in'") }
      let source = try expressions()
      return [.for(target, in: source, try block(), otherwise: try elseBlock())]
    case "def":
      at += 1
      let name = try identifier()
      try expect("(")
      let parameters = try parameters(until: ")")
      try expect(")")
      if accept("->") { _ = try expression() }
      return [.define(PythonFunctionSyntax(name: name, parameters: parameters, body: try block()))]
    case "try": return [try tryStatement()]
    case "class", "with", "async", "global", "nonlocal":
      throw PythonError.syntax("'\(word)' is not supported")
    default: return try simpleLine()
    }
  }

  private mutating func elseBlock() throws -> [PythonStatement] {
    acceptName("else") ? try block() : []
  }

  private mutating func ifStatement() throws -> PythonStatement {
    at += 1
    var branches = [(try expression(), try block())]
    while acceptName("elif") { branches.append((try expression(), try block())) }
    return .if(branches, otherwise: try elseBlock())
  }

  private mutating func tryStatement() throws -> PythonStatement {
    at += 1
    let body = try block()
    var handlers: [[PythonStatement]] = []
    while acceptName("except") {
      if !isMark(":") { _ = try expressions() }
      if acceptName("as") { _ = try identifier() }
      handlers.append(try block())
    }
    _ = try elseBlock()
    return .try(body, handlers: handlers, finally: acceptName("finally") ? try block() : [])
  }

  mutating func parameters(until close: String) throws -> [PythonFunctionSyntax.Parameter] {
    var result: [PythonFunctionSyntax.Parameter] = []
    while !isMark(close) {
      if accept("/") {
        _ = accept(",")
        continue
      }
      let gathers = accept("*")
      if gathers, accept(",") { continue }
      let name = try identifier()
      if close == ")", accept(":") { _ = try expression() }
      let fallback = accept("=") ? try expression() : nil
      result.append(.init(name: name, fallback: fallback, gathers: gathers))
      if !accept(",") { break }
    }
    return result
  }

  private mutating func simpleLine() throws -> [PythonStatement] {
    var statements = [try simple()]
    while accept(";") {
      if token == .newline { break }
      statements.append(try simple())
    }
    guard token == .newline || token == .end else { throw PythonError.syntax("unexpected \(token)") }
    if token == .newline { at += 1 }
    return statements
  }

  private mutating func simple() throws -> PythonStatement {
    if case .name(let word) = token {
      let ends = at + 1 < tokens.count && tokens[at + 1] == .newline
      switch word {
      case "return":
        at += 1
        return .return(ends ? nil : try expressions())
      case "pass":
        at += 1
        return .pass
      case "break":
        at += 1
        return .break
      case "continue":
        at += 1
        return .continue
      case "raise":
        at += 1
        if !ends { _ = try expressions() }
        return .raise
      case "del":
        at += 1
        return .delete(try expressions())
      case "assert":
        at += 1
        let test = try expression()
        if accept(",") { _ = try expression() }
        return .assert(test)
      case "import", "from": return try bring()
      default: break
      }
    }
    return try assignment()
  }

  private mutating func bring() throws -> PythonStatement {
    let whole = isName("import")
    at += 1
    let module = try identifier()
    guard !whole else {
      return .bring(module: module, name: nil, alias: acceptName("as") ? try identifier() : module)
    }
    guard acceptName("import") else { throw PythonError.syntax("expected 'import'") }
    let name = try identifier()
    let alias = acceptName("as") ? try identifier() : name
    while accept(",") { _ = try identifier() }
    return .bring(module: module, name: name, alias: alias)
  }

  private mutating func assignment() throws -> PythonStatement {
    let first = try expressions()
    if case .mark(let mark) = token, mark.count >= 2, mark.hasSuffix("="),
      !["==", "!=", "<=", ">=", ":="].contains(mark)
    {
      at += 1
      return .augmented(first, String(mark.dropLast()), try expressions())
    }
    if accept(":") {
      _ = try expression()
      return accept("=") ? .assign([first], try expressions()) : .pass
    }
    var sides = [first]
    while accept("=") { sides.append(try expressions()) }
    guard sides.count > 1 else { return .expression(first) }
    return .assign(Array(sides.dropLast()), sides[sides.count - 1])
  }
}
