/// The variables of a block, within those of the blocks around it.
///
/// A `for` has a scope for each element, a macro one for each call; `if` has none of its own.
final class Scope {
  let rendering: Rendering
  private let parent: Scope?
  private var variables: [String: TemplateValue] = [:]

  init(_ rendering: Rendering, variables: [String: TemplateValue]) {
    self.rendering = rendering
    self.variables = variables
    parent = nil
  }

  /// A scope within `parent`.
  init(in parent: Scope) {
    self.parent = parent
    rendering = parent.rendering
  }

  subscript(name: String) -> TemplateValue? {
    get {
      var scope: Scope? = self
      while let current = scope {
        if let value = current.variables[name] { return value }
        scope = current.parent
      }
      return Globals.all[name].map { .callable(Callable(name, $0)) }
    }
    set { variables[name] = newValue }
  }

  /// Evaluates an expression one level further down.
  func value(of expression: any Expression) throws -> TemplateValue {
    try rendering.nested { try expression.evaluate(in: self) }
  }

  func isTrue(_ expression: any Expression) throws -> Bool {
    try value(of: expression).isTrue(in: rendering)
  }
}
