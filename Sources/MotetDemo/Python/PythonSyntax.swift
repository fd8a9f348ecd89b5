/// The syntax trees of the Python subset that the code grader runs.

indirect enum PythonExpression {
  case constant(PythonValue)
  case name(String)
  /// f-string pieces: text, or an expression with its format specification.
  case formatted([PythonPiece])
  case list([PythonExpression])
  case tuple([PythonExpression])
  case set([PythonExpression])
  case dictionary([(PythonExpression, PythonExpression)])
  case comprehension(PythonComprehension)
  case unary(String, PythonExpression)
  case binary(String, PythonExpression, PythonExpression)
  case and(PythonExpression, PythonExpression)
  case or(PythonExpression, PythonExpression)
  /// a < b <= c: the first operand, then each operator with its right side.
  case compare(PythonExpression, [(String, PythonExpression)])
  case conditional(PythonExpression, test: PythonExpression, otherwise: PythonExpression)
  case attribute(PythonExpression, String)
  case element(PythonExpression, PythonExpression)
  case slice(PythonExpression?, PythonExpression?, PythonExpression?)
  case call(PythonExpression, [PythonArgument])
  case lambda(PythonFunctionSyntax)
  case starred(PythonExpression)
  case assigned(String, PythonExpression)
}

enum PythonPiece {
  case text(String)
  case value(PythonExpression, conversion: Character?, format: String)
}

struct PythonArgument {
  var name: String?
  var value: PythonExpression
}

struct PythonComprehension {
  enum Kind { case list, set, generator, dictionary }
  var kind: Kind
  var element: PythonExpression
  /// The value, for a dictionary.
  var value: PythonExpression?
  var clauses: [Clause]

  struct Clause {
    var target: PythonExpression
    var source: PythonExpression
    var conditions: [PythonExpression]
  }
}

/// The parameters and body of a `def` or `lambda`.
final class PythonFunctionSyntax {
  struct Parameter {
    var name: String
    var fallback: PythonExpression?
    /// `*args`.
    var gathers = false
  }

  let name: String
  let parameters: [Parameter]
  let body: [PythonStatement]

  init(name: String, parameters: [Parameter], body: [PythonStatement]) {
    self.name = name
    self.parameters = parameters
    self.body = body
  }
}

indirect enum PythonStatement {
  case expression(PythonExpression)
  case assign([PythonExpression], PythonExpression)
  case augmented(PythonExpression, String, PythonExpression)
  case `if`([(PythonExpression, [PythonStatement])], otherwise: [PythonStatement])
  case `while`(PythonExpression, [PythonStatement], otherwise: [PythonStatement])
  case `for`(PythonExpression, in: PythonExpression, [PythonStatement], otherwise: [PythonStatement])
  case define(PythonFunctionSyntax)
  case `return`(PythonExpression?)
  case `try`([PythonStatement], handlers: [[PythonStatement]], finally: [PythonStatement])
  case raise, pass, `break`, `continue`
  case delete(PythonExpression)
  case assert(PythonExpression)
  /// `import math` and the like: only names the interpreter knows do anything.
  case bring(module: String, name: String?, alias: String)
}
