/// Expressions, from the loosest binding to the tightest.
/// Source: The Python Language Reference, section 6.17 (operator precedence).
extension PythonParser {
  /// One expression or, with commas, a tuple.
  mutating func expressions() throws -> PythonExpression {
    let first = try starredOrExpression()
    guard isMark(",") else { return first }
    var items = [first]
    while accept(",") {
      guard startsExpression else { break }
      items.append(try starredOrExpression())
    }
    return .tuple(items)
  }

  /// The names a `for` binds: no `in` is taken for an operator.
  mutating func targets() throws -> PythonExpression {
    let first = try postfix()
    guard isMark(",") else { return first }
    var items = [first]
    while accept(",") {
      if isName("in") { break }
      items.append(try postfix())
    }
    return .tuple(items)
  }

  private var startsExpression: Bool {
    switch token {
    case .newline, .end, .indent, .dedent: false
    case .mark(let mark): ["(", "[", "{", "-", "+", "~", "*"].contains(mark)
    default: true
    }
  }

  private mutating func starredOrExpression() throws -> PythonExpression {
    accept("*") ? .starred(try binary(0)) : try expression()
  }

  mutating func expression() throws -> PythonExpression {
    try nested { try $0.ternary() }
  }

  private mutating func ternary() throws -> PythonExpression {
    if acceptName("lambda") {
      let parameters = try parameters(until: ":")
      try expect(":")
      let body = try expression()
      return .lambda(PythonFunctionSyntax(name: "<lambda>", parameters: parameters, body: [.return(body)]))
    }
    let value = try disjunction()
    if case .name(let name) = value, accept(":=") { return .assigned(name, try expression()) }
    guard acceptName("if") else { return value }
    let test = try disjunction()
    guard acceptName("else") else { throw PythonError.syntax("expected 'else'") }
    return .conditional(value, test: test, otherwise: try expression())
  }

  private mutating func disjunction() throws -> PythonExpression {
    var left = try conjunction()
    while acceptName("or") { left = .or(left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws -> PythonExpression {
    var left = try negation()
    while acceptName("and") { left = .and(left, try negation()) }
    return left
  }

  private mutating func negation() throws -> PythonExpression {
    try nested { parser in
      parser.acceptName("not") ? .unary("not", try parser.negation()) : try parser.comparison()
    }
  }

  private mutating func comparison() throws -> PythonExpression {
    let first = try binary(0)
    var rest: [(String, PythonExpression)] = []
    while let operation = comparisonOperator() { rest.append((operation, try binary(0))) }
    return rest.isEmpty ? first : .compare(first, rest)
  }

  private mutating func comparisonOperator() -> String? {
    for mark in ["==", "!=", "<=", ">=", "<", ">"] where accept(mark) { return mark }
    if acceptName("in") { return "in" }
    if acceptName("is") { return acceptName("not") ? "is not" : "is" }
    if isName("not"), at + 1 < tokens.count, tokens[at + 1] == .name("in") {
      at += 2
      return "not in"
    }
    return nil
  }

  private static let levels = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "//", "/", "%"]]

  private mutating func binary(_ level: Int) throws -> PythonExpression {
    guard level < Self.levels.count else { return try unary() }
    var left = try binary(level + 1)
    while let mark = Self.levels[level].first(where: { isMark($0) }) {
      at += 1
      left = .binary(mark, left, try binary(level + 1))
    }
    return left
  }

  private mutating func unary() throws -> PythonExpression {
    for mark in ["-", "+", "~"] where accept(mark) {
      return .unary(mark, try nested { try $0.unary() })
    }
    let base = try postfix()
    // A power binds tighter than a sign on its left, looser than one on its right.
    return accept("**") ? .binary("**", base, try nested { try $0.unary() }) : base
  }

  mutating func postfix() throws -> PythonExpression {
    var value = try atom()
    while true {
      if accept(".") {
        value = .attribute(value, try identifier())
      } else if accept("(") {
        value = .call(value, try arguments())
      } else if accept("[") {
        value = .element(value, try subscriptIndex())
        try expect("]")
      } else {
        return value
      }
    }
  }

  private mutating func subscriptIndex() throws -> PythonExpression {
    let start = isMark(":") ? nil : try expressions()
    guard accept(":") else {
      guard let start else { throw PythonError.syntax("empty index") }
      return start
    }
    let stop = isMark(":") || isMark("]") ? nil : try expression()
    let step = accept(":") && !isMark("]") ? try expression() : nil
    return .slice(start, stop, step)
  }

  private mutating func arguments() throws -> [PythonArgument] {
    var result: [PythonArgument] = []
    while !isMark(")") {
      if case .name(let name) = token, at + 1 < tokens.count, tokens[at + 1] == .mark("=") {
        at += 2
        result.append(PythonArgument(name: name, value: try expression()))
      } else {
        let value = try starredOrExpression()
        if isName("for") {
          result.append(PythonArgument(value: try comprehension(.generator, value)))
        } else {
          result.append(PythonArgument(value: value))
        }
      }
      if !accept(",") { break }
    }
    try expect(")")
    return result
  }

  private mutating func comprehension(
    _ kind: PythonComprehension.Kind, _ element: PythonExpression, value: PythonExpression? = nil
  ) throws -> PythonExpression {
    var clauses: [PythonComprehension.Clause] = []
    while acceptName("for") {
      let target = try targets()
      guard acceptName("in") else { throw PythonError.syntax("expected 'in'") }
      var clause = PythonComprehension.Clause(target: target, source: try disjunction(), conditions: [])
      while acceptName("if") { clause.conditions.append(try disjunction()) }
      clauses.append(clause)
    }
    return .comprehension(
      PythonComprehension(kind: kind, element: element, value: value, clauses: clauses))
  }

  private mutating func atom() throws -> PythonExpression {
    let current = token
    at += 1
    switch current {
    case .integer(let value): return .constant(.int(value))
    case .real(let value): return .constant(.float(value))
    case .string(let text): return .constant(.string(text))
    case .formatted(let raw): return .formatted(try PythonFormattedString.pieces(raw))
    case .name("True"): return .constant(.bool(true))
    case .name("False"): return .constant(.bool(false))
    case .name("None"): return .constant(.none)
    case .name(let name):
      guard
        !["for", "in", "if", "else", "def", "return", "while", "is", "and", "or", "import"].contains(name)
      else { throw PythonError.syntax("unexpected '\(name)'") }
      return .name(name)
    case .mark("("): return try nested { try $0.parenthesized() }
    case .mark("["): return try nested { try $0.listDisplay() }
    case .mark("{"): return try nested { try $0.braces() }
    default: throw PythonError.syntax("unexpected \(current)")
    }
  }

  private mutating func parenthesized() throws -> PythonExpression {
    if accept(")") { return .tuple([]) }
    let first = try expressions()
    let value = isName("for") ? try comprehension(.generator, first) : first
    try expect(")")
    return value
  }

  private mutating func listDisplay() throws -> PythonExpression {
    if accept("]") { return .list([]) }
    let first = try starredOrExpression()
    if isName("for") {
      let value = try comprehension(.list, first)
      try expect("]")
      return value
    }
    var items = [first]
    while accept(","), !isMark("]") { items.append(try starredOrExpression()) }
    try expect("]")
    return .list(items)
  }

  private mutating func braces() throws -> PythonExpression {
    if accept("}") { return .dictionary([]) }
    let first = try starredOrExpression()
    guard accept(":") else {
      if isName("for") {
        let value = try comprehension(.set, first)
        try expect("}")
        return value
      }
      var items = [first]
      while accept(","), !isMark("}") { items.append(try starredOrExpression()) }
      try expect("}")
      return .set(items)
    }
    let value = try expression()
    if isName("for") {
      let result = try comprehension(.dictionary, first, value: value)
      try expect("}")
      return result
    }
    var pairs = [(first, value)]
    while accept(","), !isMark("}") {
      let key = try expression()
      try expect(":")
      pairs.append((key, try expression()))
    }
    try expect("}")
    return .dictionary(pairs)
  }
}
