/// A part of a template that has a value.
///
/// Evaluate expressions by ``Scope/value(of:)``, which bounds how deeply they are nested.
protocol Expression: Sendable {
  func evaluate(in scope: Scope) throws -> TemplateValue
}

/// A string, number, boolean or none that is written in the template.
struct Literal: Expression {
  let value: TemplateValue

  func evaluate(in scope: Scope) -> TemplateValue { value }
}

/// A variable.
struct Name: Expression {
  let name: String

  func evaluate(in scope: Scope) -> TemplateValue { scope[name] ?? .undefined(name) }
}

/// `[a, b]` or `(a, b)`.
struct ListLiteral: Expression {
  let elements: [any Expression]
  let kind: ListValue.Kind
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let values = try elements.map { try scope.value(of: $0) }
    scope.rendering.place = place
    return try scope.rendering.made(values, kind)
  }
}

/// `{key: value}`.
struct MappingLiteral: Expression {
  let members: [(key: any Expression, value: any Expression)]
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let values = try members.map { (try scope.value(of: $0.key), try scope.value(of: $0.value)) }
    scope.rendering.place = place
    try scope.rendering.spend(elements: 2 * values.count)
    for (key, _) in values { try scope.rendering.spend(scanning: key) }
    return .mapping(try MappingValue(values))
  }
}

/// `value if condition else other`.
struct Conditional: Expression {
  let condition: any Expression
  let value: any Expression
  let other: (any Expression)?

  func evaluate(in scope: Scope) throws -> TemplateValue {
    if try scope.isTrue(condition) { return try scope.value(of: value) }
    guard let other else {
      return .undefined(because: "the condition of the inline if is false and it has no else")
    }
    return try scope.value(of: other)
  }
}
