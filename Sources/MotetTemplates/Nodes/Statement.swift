/// A part of a template that writes text or changes variables.
protocol Statement: Sendable {
  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow
}

/// How a statement ended: what a loop around it does next.
enum Flow { case next, breaksLoop, continuesLoop }

/// Statements in order.
struct Block: Sendable {
  let statements: [any Statement]

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    for statement in statements {
      let flow = try scope.rendering.nested { try statement.execute(in: scope, into: &output) }
      if flow != .next { return flow }
    }
    return .next
  }

  /// What the block writes, in a scope of its own. `break` within it ends a loop around it and drops the text.
  func text(in scope: Scope) throws -> (text: TemplateText, flow: Flow) {
    var text = TemplateText()
    let flow = try execute(in: Scope(in: scope), into: &text)
    return (text, flow)
  }
}

/// Text that stands in the template.
struct TextOutput: Statement {
  let text: TemplateText

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    try scope.rendering.write(text, to: &output)
    return .next
  }
}

/// `{{ value }}`.
struct ValueOutput: Statement {
  let value: any Expression
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    let value = try scope.value(of: value)
    scope.rendering.place = place
    try scope.rendering.write(try value.text(in: scope.rendering), to: &output)
    return .next
  }
}

extension Rendering {
  /// - Throws: ``TemplateProblem`` when the text becomes larger than a template is given
  func write(_ text: TemplateText, to output: inout TemplateText) throws {
    output.append(text)
    try limits.check(text: output.utf8Count)
    try spend(bytes: text.utf8Count)
  }
}

/// `{% if %}` with its `elif` and `else`.
struct If: Statement {
  let branches: [(condition: any Expression, body: Block)]
  let otherwise: Block?

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    for (condition, body) in branches where try scope.isTrue(condition) {
      return try body.execute(in: scope, into: &output)
    }
    return try otherwise?.execute(in: scope, into: &output) ?? .next
  }
}

/// `{% break %}` or `{% continue %}`.
struct Jump: Statement {
  let flow: Flow

  func execute(in scope: Scope, into output: inout TemplateText) -> Flow { flow }
}

/// `{% with name = value %}`.
struct With: Statement {
  let variables: [(target: Target, value: any Expression)]
  let body: Block
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    // Values do not see the variables that are set beside them.
    let values = try variables.map { try scope.value(of: $0.value) }
    let inner = Scope(in: scope)
    scope.rendering.place = place
    for ((target, _), value) in zip(variables, values) { try target.assign(value, in: inner) }
    return try body.execute(in: inner, into: &output)
  }
}

/// `{% filter name %}`: the block's text through filters.
struct FilterBlock: Statement {
  let filter: FilterCall
  let body: Block
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    let (text, flow) = try body.text(in: scope)
    guard flow == .next else { return flow }
    scope.rendering.place = place
    let value = try filter.applyAll(to: .text(text), in: scope)
    try scope.rendering.write(try value.text(in: scope.rendering), to: &output)
    return .next
  }
}

/// `{% generation %}`: what the model writes itself, and is trained on.
/// Source: `transformers.utils.chat_template_utils.AssistantTracker`.
struct Generation: Statement {
  let body: Block

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    var (text, flow) = try body.text(in: scope)
    guard flow == .next else { return flow }
    text.markGenerated()
    try scope.rendering.write(text, to: &output)
    return .next
  }
}
