/// `{% for target in elements if condition %}` with its `else`.
struct Loop: Statement {
  let target: Target
  let elements: any Expression
  let condition: (any Expression)?
  let body: Block
  let otherwise: Block?
  let place: TemplatePlace

  func execute(in scope: Scope, into output: inout TemplateText) throws -> Flow {
    let rendering = scope.rendering
    let value = try scope.value(of: elements)
    rendering.place = place
    var elements = try value.elements(in: rendering)
    if let condition {
      elements = try elements.filter { element in
        let inner = Scope(in: scope)
        try target.assign(element, in: inner)
        return try inner.isTrue(condition)
      }
    }
    // As in jinja2, an iteration that `break` or `continue` ends does not keep `else` from running.
    var hasFinishedOne = false
    try rendering.spend(bytes: 128)
    let loop = rendering.beginLoop(over: elements)
    defer { rendering.endLoop(loop) }
    iterations: for element in elements {
      rendering.advance(loop)
      let inner = Scope(in: scope)
      rendering.place = place
      try target.assign(element, in: inner)
      inner["loop"] = .object(loop)
      switch try body.execute(in: inner, into: &output) {
      case .next: hasFinishedOne = true
      case .continuesLoop: break
      case .breaksLoop: break iterations
      }
    }
    return hasFinishedOne ? .next : try otherwise?.execute(in: scope, into: &output) ?? .next
  }
}
