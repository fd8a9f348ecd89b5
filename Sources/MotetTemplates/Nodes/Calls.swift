/// The arguments of a call, as expressions.
struct ArgumentExpressions: Sendable {
  var positional: [any Expression] = []
  var named: [(name: String, value: any Expression)] = []
  /// `*arguments`.
  var morePositional: (any Expression)?
  /// `**arguments`.
  var moreNamed: (any Expression)?

  func values(in scope: Scope) throws -> Arguments {
    var arguments = Arguments(
      positional: try positional.map { try scope.value(of: $0) },
      named: try named.map { ($0.name, try scope.value(of: $0.value)) })
    if let morePositional {
      arguments.positional += try scope.value(of: morePositional).elements(in: scope.rendering)
    }
    if let moreNamed {
      guard case .mapping(let mapping) = try scope.value(of: moreNamed) else {
        throw TemplateProblem.failed("'**' needs a mapping")
      }
      for (key, value) in zip(mapping.keys, mapping.values) {
        guard case .text(let name) = key else {
          throw TemplateProblem.failed("'**' needs names that are strings")
        }
        arguments.named.append((name.string, value))
      }
    }
    return arguments
  }
}

/// `callee(arguments)`.
struct Call: Expression {
  let callee: any Expression
  var arguments: ArgumentExpressions
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let callee = try scope.value(of: callee)
    let values = try arguments.values(in: scope)
    scope.rendering.place = place
    return try scope.rendering.call(callee, values)
  }
}

/// `value|filter(arguments)`.
struct FilterCall: Expression {
  /// nil: what a `{% filter %}` or `{% set %}` block holds, given by ``apply(to:in:)``.
  let value: (any Expression)?
  let name: String
  let arguments: ArgumentExpressions
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    try apply(to: try value.map { try scope.value(of: $0) } ?? .text(TemplateText()), in: scope)
  }

  /// Applies this filter, and those before it, to the text of a block.
  func applyAll(to block: TemplateValue, in scope: Scope) throws -> TemplateValue {
    let value = try (value as? FilterCall)?.applyAll(to: block, in: scope) ?? block
    return try apply(to: value, in: scope)
  }

  private func apply(to value: TemplateValue, in scope: Scope) throws -> TemplateValue {
    let values = try arguments.values(in: scope)
    scope.rendering.place = place
    return try scope.rendering.applyFilter(name, to: value, values)
  }
}

/// `value is test(arguments)`.
struct TestCall: Expression {
  let value: any Expression
  let name: String
  let arguments: ArgumentExpressions
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let value = try scope.value(of: value)
    let values = try arguments.values(in: scope)
    scope.rendering.place = place
    return .bool(try scope.rendering.applyTest(name, to: value, values))
  }
}

extension Rendering {
  /// - Throws: ``TemplateProblem`` for filters that are not known
  func applyFilter(
    _ name: String, to value: TemplateValue, _ arguments: Arguments
  ) throws -> TemplateValue {
    guard let filter = Filters.all[name] else { throw TemplateProblem.unsupported("the filter '\(name)'") }
    try spend(1)
    return try filter(value, arguments, named: "the filter '\(name)'", in: self)
  }

  /// - Throws: ``TemplateProblem`` for tests that are not known
  func applyTest(_ name: String, to value: TemplateValue, _ arguments: Arguments) throws -> Bool {
    guard let test = Tests.all[name] else { throw TemplateProblem.unsupported("the test '\(name)'") }
    try spend(1)
    return try test(value, arguments, named: "the test '\(name)'", in: self).isTrue(in: self)
  }
}
