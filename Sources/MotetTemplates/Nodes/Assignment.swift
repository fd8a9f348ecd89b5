/// What is assigned to: a variable, an attribute of a namespace, or several of them.
indirect enum Target: Sendable {
  case name(String)
  case attribute(namespace: String, name: String)
  case several([Target])

  /// The variables it sets.
  var names: [String] {
    switch self {
    case .name(let name): [name]
    case .attribute: []
    case .several(let targets): targets.flatMap(\.names)
    }
  }

  /// - Throws: ``TemplateProblem`` when the value does not have as many elements as there are targets
  func assign(_ value: TemplateValue, in scope: Scope) throws {
    switch self {
    case .name(let name): scope[name] = value
    case .attribute(let variable, let name):
      guard case .object(let object)? = scope[variable], object.kind == .namespace else {
        throw TemplateProblem.failed(
          "'\(variable)' is not a namespace: its attribute '\(name)' cannot be set")
      }
      try Namespaces.check(name)
      scope.rendering.set(name, of: object, to: value)
    case .several(let targets):
      let elements = try value.elements(in: scope.rendering)
      guard elements.count == targets.count else {
        throw TemplateProblem.failed(
          "\(elements.count) values cannot be assigned to \(targets.count) variables")
      }
      for (target, element) in zip(targets, elements) { try target.assign(element, in: scope) }
    }
  }
}

/// `{% set target = value %}`.
struct Assignment: Statement {
  let target: Target
  let value: any Expression
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    let value = try scope.value(of: value)
    scope.rendering.place = place
    try target.assign(value, in: scope)
    return .next
  }
}

/// `{% set target %}text{% endset %}`, with filters after the target.
struct BlockAssignment: Statement {
  let target: Target
  let filter: FilterCall?
  let body: Block
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    let (text, flow) = try body.text(in: scope)
    guard flow == .next else { return flow }
    scope.rendering.place = place
    try scope.rendering.limits.check(text: text.utf8Count)
    let value = try filter?.applyAll(to: .text(text), in: scope) ?? .text(text)
    try target.assign(value, in: scope)
    return .next
  }
}
