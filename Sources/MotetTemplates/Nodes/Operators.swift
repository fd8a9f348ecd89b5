import Foundation

/// `-value` or `+value`.
struct Sign: Expression {
  let isMinus: Bool
  let value: any Expression
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let value = try scope.value(of: value)
    scope.rendering.place = place
    if case .float(let float) = value { return .float(isMinus ? -float : float) }
    guard let integer = value.integer else {
      if case .undefined(let undefined) = value { throw undefined.problem }
      throw TemplateProblem.failed("\(value.typeName) has no sign")
    }
    return .int(isMinus ? try Arithmetic.checked(0.subtractingReportingOverflow(integer)) : integer)
  }
}

/// `not value`.
struct Negation: Expression {
  let value: any Expression

  func evaluate(in scope: Scope) throws -> TemplateValue { .bool(try !scope.isTrue(value)) }
}

/// `a and b and c` or `a or b or c`: the operand that decides.
struct Logical: Expression {
  let isAnd: Bool
  let operands: [any Expression]

  func evaluate(in scope: Scope) throws -> TemplateValue {
    var value = TemplateValue.bool(isAnd)
    for operand in operands {
      value = try scope.value(of: operand)
      if value.isTrue(in: scope.rendering) != isAnd { return value }
    }
    return value
  }
}

/// `a ~ b ~ c`: the operands as text, joined.
struct Concatenation: Expression {
  let operands: [any Expression]
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    var text = TemplateText()
    for operand in operands {
      let value = try scope.value(of: operand)
      scope.rendering.place = place
      text.append(try value.text(in: scope.rendering))
      try scope.rendering.limits.check(text: text.utf8Count)
    }
    return try scope.rendering.made(text)
  }
}

/// `a < b == c in d`: each pair is compared, until one does not hold.
struct Comparison: Expression {
  enum Operator: Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, `in`, notIn }

  let first: any Expression
  let others: [(operator: Operator, operand: any Expression)]
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    var left = try scope.value(of: first)
    for (comparison, operand) in others {
      let right = try scope.value(of: operand)
      scope.rendering.place = place
      guard try Self.holds(left, comparison, right, in: scope.rendering) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  static func holds(
    _ left: TemplateValue, _ comparison: Operator, _ right: TemplateValue, in rendering: Rendering
  ) throws -> Bool {
    switch comparison {
    case .equal: try left.equals(right, in: rendering)
    case .notEqual: try !left.equals(right, in: rendering)
    case .less: try left.isBefore(right, in: rendering)
    case .lessOrEqual: try left.isBefore(right, orEqual: true, in: rendering)
    case .greater: try right.isBefore(left, in: rendering)
    case .greaterOrEqual: try right.isBefore(left, orEqual: true, in: rendering)
    case .in: try right.contains(left, in: rendering)
    case .notIn: try !right.contains(left, in: rendering)
    }
  }
}

/// `a + b - c` and the other operators of arithmetic, of one precedence, from the left.
struct ArithmeticChain: Expression {
  enum Operator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
  }

  let first: any Expression
  let others: [(operator: Operator, operand: any Expression, place: TemplatePlace)]

  func evaluate(in scope: Scope) throws -> TemplateValue {
    var value = try scope.value(of: first)
    for (operation, operand, place) in others {
      let right = try scope.value(of: operand)
      scope.rendering.place = place
      value = try scope.rendering.compute(value, operation, right)
    }
    return value
  }
}

extension Rendering {
  /// - Throws: ``TemplateProblem`` for operands that do not fit the operator
  func compute(
    _ left: TemplateValue, _ operation: ArithmeticChain.Operator, _ right: TemplateValue
  ) throws -> TemplateValue {
    switch (left, right) {
    case (.undefined(let undefined), _): throw undefined.problem
    case (.text(let text), _) where operation == .modulo:
      return try made(try PercentFormat(text).filled(with: right, in: self))
    case (_, .undefined(let undefined)): throw undefined.problem
    case (.text(let left), .text(let right)) where operation == .add:
      return try made(left.joined(with: right))
    case (.list(let left), .list(let right))
    where operation == .add && left.isTuple == right.isTuple && (left.isTuple || left.kind == right.kind):
      return try made(left.elements + right.elements, left.isTuple ? .tuple : .list)
    case (.text, _) where operation == .multiply && right.integer != nil:
      return try `repeat`(left, right.integer ?? 0)
    case (_, .text) where operation == .multiply && left.integer != nil:
      return try `repeat`(right, left.integer ?? 0)
    case (.list, _) where operation == .multiply && right.integer != nil:
      return try `repeat`(left, right.integer ?? 0)
    case (_, .list) where operation == .multiply && left.integer != nil:
      return try `repeat`(right, left.integer ?? 0)
    default: break
    }
    if let left = left.integer, let right = right.integer { return try compute(left, operation, right) }
    if let left = left.number, let right = right.number { return .float(try compute(left, operation, right)) }
    throw TemplateProblem.failed(
      "'\(operation.rawValue)' does not fit \(left.typeName) and \(right.typeName)")
  }

  private func compute(
    _ left: Int, _ operation: ArithmeticChain.Operator, _ right: Int
  ) throws -> TemplateValue {
    switch operation {
    case .add: return .int(try Arithmetic.checked(left.addingReportingOverflow(right)))
    case .subtract: return .int(try Arithmetic.checked(left.subtractingReportingOverflow(right)))
    case .multiply: return .int(try Arithmetic.checked(left.multipliedReportingOverflow(by: right)))
    case .divide: return .float(try compute(Double(left), operation, Double(right)))
    case .floorDivide: return .int(try Arithmetic.floorDivide(left, right))
    case .modulo: return .int(try Arithmetic.modulo(left, right))
    case .power:
      if right < 0 { return .float(try compute(Double(left), operation, Double(right))) }
      return .int(try Arithmetic.power(left, right))
    }
  }

  private func compute(
    _ left: Double, _ operation: ArithmeticChain.Operator, _ right: Double
  ) throws -> Double {
    switch operation {
    case .add: return left + right
    case .subtract: return left - right
    case .multiply: return left * right
    case .divide:
      guard right != 0 else { throw Arithmetic.zeroDivision }
      return left / right
    case .floorDivide: return try Arithmetic.floorDivide(left, right)
    case .modulo: return try Arithmetic.modulo(left, right)
    case .power:
      guard left != 0 || right >= 0 else { throw Arithmetic.zeroDivision }
      let power = pow(left, right)
      guard !power.isNaN || left.isNaN || right.isNaN else {
        throw TemplateProblem.unsupported(
          "a complex number, which \(left.pythonText) ** \(right.pythonText) is,")
      }
      guard power.isFinite || !left.isFinite || !right.isFinite else {
        throw TemplateProblem.failed("the result of '**' is too large")
      }
      return power
    }
  }

  private func `repeat`(_ value: TemplateValue, _ count: Int) throws -> TemplateValue {
    let count = max(0, count)
    switch value {
    case .text(let text):
      try limits.check(text: Arithmetic.product(text.utf8Count, count))
      var result = TemplateText()
      for _ in 0..<(text.isEmpty ? 0 : count) { result.append(text) }
      return try made(result)
    case .list(let list) where list.isTuple || list.kind == .list:
      try spend(elements: Arithmetic.product(list.count, count))
      let elements = (0..<(list.count == 0 ? 0 : count)).flatMap { _ in list.elements }
      return try made(elements, list.isTuple ? .tuple : .list)
    default: throw TemplateProblem.failed("\(value.typeName) cannot be repeated")
    }
  }
}

extension TemplateText {
  /// `left + right`: where only one of them is safe, the other is escaped.
  func joined(with other: TemplateText) -> TemplateText {
    var result = isSafe || !other.isSafe ? self : escaped
    result.append(other.isSafe || !isSafe ? other : other.escaped)
    result.isSafe = isSafe || other.isSafe
    return result
  }

  /// With the characters that mean something in HTML replaced.
  /// Source: `markupsafe.escape`.
  var escaped: TemplateText {
    var result = mapScalars { scalar, _ in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "'": "&#39;"
      case "\"": "&#34;"
      default: String(scalar)
      }
    }
    result.isSafe = true
    return result
  }
}
