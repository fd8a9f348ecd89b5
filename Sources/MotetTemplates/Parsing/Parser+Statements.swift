// MARK: - Blocks

extension Parser {
  /// The statements up to one of the tags `ends`, whose name is taken and given back; without any, up to the end of
  /// the template.
  /// - Parameter opened: the tag that the statements belong to, for errors
  mutating func block(endingWith ends: [String], opened: Token?) throws -> (block: Block, end: String) {
    try nested { parser in
      var statements: [any Statement] = []
      while true {
        let token = parser.advance()
        parser.beginTag()
        switch token.kind {
        case .text(let text): statements.append(TextOutput(text: TemplateText(text, from: .template)))
        case .beginsValue:
          statements.append(ValueOutput(value: try parser.tuple(), place: token.place))
          try parser.expect(.endsValue, wanted: "'}}'")
        case .beginsTag:
          if case .name(let name) = parser.current.kind, ends.contains(name) {
            parser.advance()
            return (Block(statements: statements), name)
          }
          if let statement = try parser.statement(ends: ends) { statements.append(statement) }
          try parser.expect(.endsTag, wanted: "'%}'")
        default:
          if let opened {
            throw TemplateError.syntax(
              opened.place, problem: "the tag {% \(opened.nameShown) %} does not end")
          }
          return (Block(statements: statements), "")
        }
      }
    }
  }

  /// The statements between the tag that is being read and its end, which is read up to its `%}`.
  private mutating func body(of tag: Token, endingWith end: String) throws -> Block {
    let (body, _) = try openBody(of: tag, endingWith: [end])
    return body
  }

  private mutating func openBody(of tag: Token, endingWith ends: [String]) throws -> (Block, String) {
    // Jinja takes a colon there, as in Python.
    _ = take(symbol: .colon)
    try expect(.endsTag, wanted: "'%}'")
    return try block(endingWith: ends, opened: tag)
  }

  /// - Parameter ends: the tags that would end the block around it, for errors
  private mutating func statement(ends: [String]) throws -> (any Statement)? {
    let tag = current
    guard case .name(let name) = tag.kind else { throw unexpected(wanted: "the name of a tag") }
    advance()
    switch name {
    case "if": return try ifStatement(tag)
    case "for": return try loop(tag)
    case "set": return try assignment(tag)
    case "macro": return try macro(tag)
    case "call": return try callBlock(tag)
    case "filter": return try filterBlock(tag)
    case "with": return try with(tag)
    case "print": return try printStatement(tag)
    case "generation": return try generation(tag)
    case "break", "continue":
      guard loops > 0 else {
        throw TemplateError.syntax(tag.place, problem: "{% \(name) %} stands in no loop")
      }
      return Jump(flow: name == "break" ? .breaksLoop : .continuesLoop)
    case "include", "import", "from", "extends", "block", "autoescape", "do", "trans", "debug":
      throw TemplateError.unsupported(tag.place, what: "the tag {% \(name) %}")
    default:
      let hint = ends.isEmpty ? "" : ": {% \(ends.joined(separator: " %} or {% ")) %} is expected"
      throw TemplateError.syntax(tag.place, problem: "the tag {% \(name) %} is not known here\(hint)")
    }
  }
}

// MARK: - Tags

extension Parser {
  private mutating func ifStatement(_ tag: Token) throws -> any Statement {
    branches += 1
    defer { branches -= 1 }
    var parts: [(condition: any Expression, body: Block)] = []
    var otherwise: Block?
    while true {
      let condition = try tuple(withConditional: false)
      let (block, end) = try openBody(of: tag, endingWith: ["elif", "else", "endif"])
      parts.append((condition, block))
      if end == "elif" { continue }
      if end == "else" { otherwise = try body(of: tag, endingWith: "endif") }
      return If(branches: parts, otherwise: otherwise)
    }
  }

  private mutating func loop(_ tag: Token) throws -> any Statement {
    let target = try target(until: "in")
    guard !target.names.contains("loop") else {
      throw TemplateError.syntax(tag.place, problem: "'loop' cannot be the variable of a loop")
    }
    try expect(name: "in")
    let elements = try tuple(withConditional: false, until: "recursive")
    let condition = take(name: "if") ? try expression() : nil
    if isName("recursive") { throw TemplateError.unsupported(current.place, what: "a recursive loop") }
    loops += 1
    let (block, end) = try openBody(of: tag, endingWith: ["endfor", "else"])
    loops -= 1
    let otherwise = end == "else" ? try body(of: tag, endingWith: "endfor") : nil
    return Loop(
      target: target, elements: elements, condition: condition, body: block, otherwise: otherwise,
      place: tag.place)
  }

  private mutating func assignment(_ tag: Token) throws -> any Statement {
    let target = try target(takesAttributes: true)
    if take(symbol: .assign) { return Assignment(target: target, value: try tuple(), place: tag.place) }
    let filter = try filters(of: nil) as? FilterCall
    let body = try body(of: tag, endingWith: "endset")
    return BlockAssignment(target: target, filter: filter, body: body, place: tag.place)
  }

  private mutating func macro(_ tag: Token) throws -> any Statement {
    let name = try expectName()
    let parameters = try parameters()
    return try definition(tag, name: name, parameters: parameters, end: "endmacro")
  }

  /// Statements that are called: loops around them cannot be ended from within.
  private mutating func definition(
    _ tag: Token, name: String, parameters: [(String, (any Expression)?)], end: String
  ) throws -> MacroDefinition {
    let outerLoops = loops
    loops = 0
    macroUses.append([])
    defer {
      loops = outerLoops
      macroUses.removeLast()
    }
    let body = try body(of: tag, endingWith: end)
    return MacroDefinition(
      name: name, parameters: parameters, body: body, uses: macroUses.last ?? [], place: tag.place)
  }

  private mutating func parameters() throws -> [(String, (any Expression)?)] {
    try expect(symbol: .opensParenthesis)
    var parameters: [(name: String, defaultValue: (any Expression)?)] = []
    while !isSymbol(.closesParenthesis) {
      if !parameters.isEmpty { try expect(symbol: .comma) }
      let name = try expectName()
      let value = take(symbol: .assign) ? try expression() : nil
      if value == nil, parameters.last?.defaultValue != nil {
        throw TemplateError.syntax(
          current.place, problem: "the parameter '\(name)' needs a default value, as those before it have")
      }
      parameters.append((name, value))
    }
    try expect(symbol: .closesParenthesis)
    return parameters
  }

  private mutating func callBlock(_ tag: Token) throws -> any Statement {
    let parameters = isSymbol(.opensParenthesis) ? try parameters() : []
    guard let call = try expression() as? Call else {
      throw TemplateError.syntax(tag.place, problem: "{% call %} needs the call of a macro")
    }
    let caller = try definition(tag, name: "caller", parameters: parameters, end: "endcall")
    return CallBlock(call: call, caller: caller, place: tag.place)
  }

  private mutating func filterBlock(_ tag: Token) throws -> any Statement {
    guard let filter = try filters(of: nil, beginsInline: true) as? FilterCall else {
      throw unexpected(wanted: "a filter")
    }
    return FilterBlock(filter: filter, body: try body(of: tag, endingWith: "endfilter"), place: tag.place)
  }

  private mutating func with(_ tag: Token) throws -> any Statement {
    var variables: [(target: Target, value: any Expression)] = []
    while current.kind != .endsTag {
      if !variables.isEmpty { try expect(symbol: .comma) }
      let target = try target()
      try expect(symbol: .assign)
      variables.append((target, try expression()))
    }
    return With(variables: variables, body: try body(of: tag, endingWith: "endwith"), place: tag.place)
  }

  private mutating func printStatement(_ tag: Token) throws -> any Statement {
    var outputs: [any Statement] = []
    while current.kind != .endsTag {
      if !outputs.isEmpty { try expect(symbol: .comma) }
      outputs.append(ValueOutput(value: try expression(), place: tag.place))
    }
    return If(branches: [], otherwise: Block(statements: outputs))
  }

  private mutating func generation(_ tag: Token) throws -> any Statement {
    let outerLoops = loops
    loops = 0
    defer { loops = outerLoops }
    foundGeneration()
    return Generation(body: try body(of: tag, endingWith: "endgeneration"))
  }

  /// What is assigned to: names, attributes of namespaces, and tuples of them.
  private mutating func target(until end: String? = nil, takesAttributes: Bool = false) throws -> Target {
    var targets: [Target] = []
    var isTuple = false
    let start = current
    while true {
      if let end, isName(end) { break }
      guard let target = try singleTarget(takesAttributes: takesAttributes) else { break }
      targets.append(target)
      guard take(symbol: .comma) else { break }
      isTuple = true
    }
    if !isTuple, let target = targets.first { return target }
    guard isTuple else {
      throw TemplateError.syntax(start.place, problem: "a variable is expected, not \(start.shown)")
    }
    return .several(targets)
  }

  private mutating func singleTarget(takesAttributes: Bool) throws -> Target? {
    if take(symbol: .opensParenthesis) {
      let target = try nested { try $0.target(takesAttributes: takesAttributes) }
      try expect(symbol: .closesParenthesis)
      return target
    }
    guard case .name(let name) = current.kind else { return nil }
    if ["true", "false", "none", "True", "False", "None"].contains(name) {
      throw TemplateError.syntax(current.place, problem: "'\(name)' cannot be assigned to")
    }
    advance()
    if takesAttributes, take(symbol: .dot) { return .attribute(namespace: name, name: try expectName()) }
    return .name(name)
  }
}

extension Token {
  fileprivate var nameShown: String { if case .name(let name) = kind { name } else { "" } }
}
