/// `{% macro name(parameters) %}`: statements that are called like a function and give their text.
struct MacroDefinition: Statement {
  let name: String
  let parameters: [(name: String, defaultValue: (any Expression)?)]
  let body: Block
  /// Which of `caller`, `varargs` and `kwargs` the body uses: arguments beyond the parameters are taken only then.
  let uses: Set<String>
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    scope.rendering.place = place
    scope[name] = try value(in: scope)
    return .next
  }

  /// The macro as a value, which sees the variables of `scope`.
  func value(in scope: Scope) throws -> TemplateValue {
    try scope.rendering.makeMacro(MacroObject(definition: self, scope: scope))
  }

  /// - Parameter scope: where the macro was defined
  /// - Throws: ``TemplateProblem`` for arguments that it does not take
  func call(_ arguments: Arguments, in scope: Scope) throws -> TemplateValue {
    let inner = Scope(in: scope)
    var named = arguments.named
    func take(_ name: String) -> TemplateValue? {
      named.firstIndex { $0.name == name }.map { named.remove(at: $0).value }
    }
    for (index, parameter) in parameters.enumerated() {
      if index < arguments.positional.count {
        inner[parameter.name] = arguments.positional[index]
      } else if let value = take(parameter.name) {
        inner[parameter.name] = value
      } else if let value = parameter.defaultValue {
        // A default value sees the parameters before it.
        inner[parameter.name] = try inner.value(of: value)
      } else {
        inner[parameter.name] = .undefined(
          because: "the parameter '\(parameter.name)' of the macro '\(name)' was not given")
      }
    }
    let takesCaller = uses.contains("caller") && !parameters.contains { $0.name == "caller" }
    if takesCaller { inner["caller"] = take("caller") ?? .undefined(because: "the macro has no caller") }
    if uses.contains("kwargs") {
      inner["kwargs"] = try .mapping(named, names: .template)
    } else if let more = named.first {
      throw TemplateProblem.failed("the macro '\(name)' takes no argument '\(more.name)'")
    }
    let rest = Array(arguments.positional.dropFirst(parameters.count))
    if uses.contains("varargs") {
      inner["varargs"] = try scope.rendering.made(rest, .tuple)
    } else if !rest.isEmpty {
      throw TemplateProblem.failed(
        "the macro '\(name)' takes at most \(parameters.count) arguments, not \(arguments.positional.count)")
    }
    var text = TemplateText()
    _ = try scope.rendering.nested { try body.execute(in: inner, into: &text) }
    return try scope.rendering.made(text)
  }
}

/// `{% call(parameters) macro(arguments) %}`: calls a macro that may write the block by calling `caller`.
struct CallBlock: Statement {
  let call: Call
  let caller: MacroDefinition
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    let callee = try scope.value(of: call.callee)
    var arguments = try call.arguments.values(in: scope)
    scope.rendering.place = place
    arguments.named.append(("caller", try caller.value(in: scope)))
    let value = try scope.rendering.call(callee, arguments)
    try scope.rendering.write(try value.text(in: scope.rendering), to: &output)
    return .next
  }
}
