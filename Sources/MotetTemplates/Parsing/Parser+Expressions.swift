// MARK: - Operators, from the loosest

extension Parser {
  /// An expression, or several with commas between them, which are a tuple.
  mutating func tuple(
    withConditional: Bool = true, until end: String? = nil, mayBeEmpty: Bool = false
  ) throws -> any Expression {
    let place = current.place
    var elements: [any Expression] = []
    var isTuple = false
    while !endsTuple(end) {
      elements.append(withConditional ? try expression() : try disjunction())
      guard take(symbol: .comma) else { break }
      isTuple = true
    }
    if !isTuple, let element = elements.first { return element }
    guard isTuple || mayBeEmpty else { throw unexpected(wanted: "an expression") }
    return ListLiteral(elements: elements, kind: .tuple, place: place)
  }

  private func endsTuple(_ end: String?) -> Bool {
    switch current.kind {
    case .endsValue, .endsTag, .symbol(.closesParenthesis): true
    case .name(let name): name == end
    default: false
    }
  }

  mutating func expression() throws -> any Expression {
    try nested { parser in
      var value = try parser.disjunction()
      while parser.take(name: "if") {
        try parser.countLink()
        parser.branches += 1
        defer { parser.branches -= 1 }
        let condition = try parser.disjunction()
        let other = parser.take(name: "else") ? try parser.expression() : nil
        value = Conditional(condition: condition, value: value, other: other)
      }
      return value
    }
  }

  mutating func disjunction() throws -> any Expression {
    var operands = [try conjunction()]
    while take(name: "or") { operands.append(try conjunction()) }
    return operands.count == 1 ? operands[0] : Logical(isAnd: false, operands: operands)
  }

  private mutating func conjunction() throws -> any Expression {
    var operands = [try negation()]
    while take(name: "and") { operands.append(try negation()) }
    return operands.count == 1 ? operands[0] : Logical(isAnd: true, operands: operands)
  }

  private mutating func negation() throws -> any Expression {
    guard take(name: "not") else { return try comparison() }
    return Negation(value: try nested { try $0.negation() })
  }

  private mutating func comparison() throws -> any Expression {
    let first = try sum()
    var others: [(operator: Comparison.Operator, operand: any Expression)] = []
    let place = current.place
    while let comparison = takeComparison() { others.append((comparison, try sum())) }
    return others.isEmpty ? first : Comparison(first: first, others: others, place: place)
  }

  private mutating func takeComparison() -> Comparison.Operator? {
    let comparison: Comparison.Operator
    switch current.kind {
    case .symbol(.equal): comparison = .equal
    case .symbol(.notEqual): comparison = .notEqual
    case .symbol(.less): comparison = .less
    case .symbol(.lessOrEqual): comparison = .lessOrEqual
    case .symbol(.greater): comparison = .greater
    case .symbol(.greaterOrEqual): comparison = .greaterOrEqual
    case .name("in"): comparison = .in
    case .name("not"):
      guard next.kind == .name("in") else { return nil }
      advance()
      comparison = .notIn
    default: return nil
    }
    advance()
    return comparison
  }

  private mutating func sum() throws -> any Expression {
    try chain([.add: .add, .subtract: .subtract]) { try $0.concatenation() }
  }

  private mutating func concatenation() throws -> any Expression {
    let place = current.place
    var operands = [try product()]
    while take(symbol: .tilde) { operands.append(try product()) }
    return operands.count == 1 ? operands[0] : Concatenation(operands: operands, place: place)
  }

  private mutating func product() throws -> any Expression {
    try chain([
      .multiply: .multiply, .divide: .divide, .floorDivide: .floorDivide, .modulo: .modulo,
    ]) { try $0.chain([.power: .power]) { try $0.unary() } }
  }

  /// Operands with operators of one precedence between them, which group to the left.
  private mutating func chain(
    _ operators: [Token.Symbol: ArithmeticChain.Operator],
    _ operand: (inout Parser) throws -> any Expression
  ) throws -> any Expression {
    let first = try operand(&self)
    var others: [(operator: ArithmeticChain.Operator, operand: any Expression, place: TemplatePlace)] = []
    while case .symbol(let symbol) = current.kind, let operation = operators[symbol] {
      let place = advance().place
      others.append((operation, try operand(&self), place))
    }
    return others.isEmpty ? first : ArithmeticChain(first: first, others: others)
  }

  private mutating func unary(withFilters: Bool = true) throws -> any Expression {
    try nested { parser in
      let place = parser.current.place
      var value: any Expression
      if parser.isSymbol(.subtract) || parser.isSymbol(.add) {
        let isMinus = parser.advance().kind == .symbol(.subtract)
        value = Sign(isMinus: isMinus, value: try parser.unary(withFilters: false), place: place)
      } else {
        value = try parser.primary()
      }
      value = try parser.postfix(of: value)
      return withFilters ? try parser.filtersAndTests(of: value) : value
    }
  }
}

// MARK: - Operands

extension Parser {
  private mutating func primary() throws -> any Expression {
    let token = current
    switch token.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return Literal(value: .bool(true))
      case "false", "False": return Literal(value: .bool(false))
      case "none", "None": return Literal(value: .null)
      default:
        if ["caller", "kwargs", "varargs"].contains(name) {
          for index in macroUses.indices { macroUses[index].insert(name) }
        }
        return Name(name: name)
      }
    case .string:
      var text = ""
      while case .string(let part) = current.kind {
        text += part
        advance()
      }
      return Literal(value: .string(text, from: .template))
    case .integer(let integer):
      advance()
      return Literal(value: .int(integer))
    case .float(let float):
      advance()
      return Literal(value: .float(float))
    case .symbol(.opensParenthesis):
      advance()
      let value = try tuple(mayBeEmpty: true)
      try expect(symbol: .closesParenthesis)
      return value
    case .symbol(.opensList): return try list()
    case .symbol(.opensMapping): return try mapping()
    default: throw unexpected(wanted: "an expression")
    }
  }

  private mutating func list() throws -> any Expression {
    let place = advance().place
    var elements: [any Expression] = []
    while !isSymbol(.closesList) {
      if !elements.isEmpty { try expect(symbol: .comma) }
      if isSymbol(.closesList) { break }
      elements.append(try expression())
    }
    try expect(symbol: .closesList)
    return ListLiteral(elements: elements, kind: .list, place: place)
  }

  private mutating func mapping() throws -> any Expression {
    let place = advance().place
    var members: [(key: any Expression, value: any Expression)] = []
    while !isSymbol(.closesMapping) {
      if !members.isEmpty { try expect(symbol: .comma) }
      if isSymbol(.closesMapping) { break }
      let key = try expression()
      try expect(symbol: .colon)
      members.append((key, try expression()))
    }
    try expect(symbol: .closesMapping)
    return MappingLiteral(members: members, place: place)
  }

  private mutating func postfix(of expression: any Expression) throws -> any Expression {
    var value = expression
    while true {
      switch current.kind {
      case .symbol(.dot): value = try attribute(of: value)
      case .symbol(.opensList): value = try element(of: value)
      case .symbol(.opensParenthesis): value = try call(value)
      default: return value
      }
      try countLink()
    }
  }

  private mutating func attribute(of value: any Expression) throws -> any Expression {
    let place = advance().place
    switch advance().kind {
    case .name(let name): return AttributeAccess(value: value, name: name, place: place)
    case .integer(let index):
      return ElementAccess(value: value, key: Literal(value: .int(index)), place: place)
    default: throw TemplateError.syntax(place, problem: "a name or a number is expected after '.'")
    }
  }

  private mutating func element(of value: any Expression) throws -> any Expression {
    let place = advance().place
    let start = isSymbol(.colon) ? nil : try expression()
    if let start, take(symbol: .closesList) { return ElementAccess(value: value, key: start, place: place) }
    guard take(symbol: .colon) else {
      if isSymbol(.comma) { throw TemplateError.unsupported(place, what: "a subscript with several parts") }
      throw unexpected(wanted: "']'")
    }
    func bound(_ parser: inout Parser) throws -> (any Expression)? {
      parser.isSymbol(.colon) || parser.isSymbol(.closesList) ? nil : try parser.expression()
    }
    let stop = try bound(&self)
    let step = take(symbol: .colon) ? try bound(&self) : nil
    try expect(symbol: .closesList)
    return Slice(value: value, start: start, stop: stop, step: step, place: place)
  }

  private mutating func call(_ callee: any Expression) throws -> any Expression {
    let place = current.place
    return Call(callee: callee, arguments: try arguments(), place: place)
  }

  private mutating func arguments() throws -> ArgumentExpressions {
    let place = current.place
    try expect(symbol: .opensParenthesis)
    var arguments = ArgumentExpressions()
    var isFirst = true
    while !isSymbol(.closesParenthesis) {
      if !isFirst {
        try expect(symbol: .comma)
        if isSymbol(.closesParenthesis) { break }
      }
      isFirst = false
      guard arguments.moreNamed == nil else { throw disorder(at: place) }
      if take(symbol: .multiply) {
        guard arguments.morePositional == nil else { throw disorder(at: place) }
        arguments.morePositional = try expression()
      } else if take(symbol: .power) {
        arguments.moreNamed = try expression()
      } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
        guard !arguments.named.contains(where: { $0.name == name }) else {
          throw TemplateError.syntax(current.place, problem: "the argument '\(name)' is given twice")
        }
        advance()
        advance()
        arguments.named.append((name, try expression()))
      } else {
        guard arguments.named.isEmpty, arguments.morePositional == nil else { throw disorder(at: place) }
        arguments.positional.append(try expression())
      }
    }
    try expect(symbol: .closesParenthesis)
    return arguments
  }

  private func disorder(at place: TemplatePlace) -> TemplateError {
    .syntax(place, problem: "the arguments of the call are in the wrong order")
  }
}

// MARK: - Filters and tests

extension Parser {
  private mutating func filtersAndTests(of expression: any Expression) throws -> any Expression {
    var value = expression
    while true {
      if isSymbol(.pipe) {
        value = try filters(of: value)
      } else if isName("is") {
        value = try test(of: value)
      } else if isSymbol(.opensParenthesis) {
        value = try call(value)
      } else {
        return value
      }
      try countLink()
    }
  }

  /// The filters that follow; of nothing, where a block's text is filtered.
  /// - Parameter beginsInline: whether the first stands without a `|`
  mutating func filters(
    of expression: (any Expression)?, beginsInline: Bool = false
  ) throws -> (any Expression)? {
    var value = expression
    var needsPipe = !beginsInline
    while isSymbol(.pipe) || !needsPipe {
      try countLink()
      if needsPipe { advance() }
      needsPipe = true
      let place = current.place
      let name = try dottedName()
      let given = isSymbol(.opensParenthesis) ? try arguments() : ArgumentExpressions()
      try checkKnown(Filters.all[name] != nil, "the filter '\(name)'", at: place)
      value = FilterCall(value: value, name: name, arguments: given, place: place)
    }
    return value
  }

  private mutating func filters(of expression: any Expression) throws -> any Expression {
    try filters(of: Optional(expression)) ?? expression
  }

  private mutating func test(of value: any Expression) throws -> any Expression {
    advance()
    let isNegated = take(name: "not")
    let place = current.place
    let name = try dottedName()
    var given = ArgumentExpressions()
    switch current.kind {
    case .symbol(.opensParenthesis): given = try arguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"):
      throw TemplateError.syntax(current.place, problem: "tests cannot follow one another")
    case .name, .string, .integer, .float, .symbol(.opensList), .symbol(.opensMapping):
      let argument = try nested { parser in
        let primary = try parser.primary()
        return try parser.postfix(of: primary)
      }
      given.positional = [argument]
    default: break
    }
    try checkKnown(Tests.all[name] != nil, "the test '\(name)'", at: place)
    let test = TestCall(value: value, name: name, arguments: given, place: place)
    return isNegated ? Negation(value: test) : test
  }

  private mutating func dottedName() throws -> String {
    var name = try expectName()
    while take(symbol: .dot) { name += "." + (try expectName()) }
    return name
  }

  /// What is unknown is an error at once, but within an `if` only when it is reached, as in jinja2.
  private func checkKnown(_ isKnown: Bool, _ what: String, at place: TemplatePlace) throws {
    guard isKnown || branches > 0 else { throw TemplateError.unsupported(place, what: what) }
  }
}
