/// One word of Python, with its line for messages.
enum PythonToken: Equatable {
  case name(String)
  case integer(Int)
  case real(Double)
  case string(String)
  /// An f-string's raw inside, taken apart by the parser.
  case formatted(String)
  /// An operator, bracket or delimiter.
  case mark(String)
  case newline, indent, dedent, end
}

/// What went wrong in a Python program, in a few words. To the grader it only means a wrong answer.
enum PythonError: Error, CustomStringConvertible {
  case syntax(String)
  case runtime(String)
  case tooManySteps

  var description: String {
    switch self {
    case .syntax(let what): "Python syntax: \(what)"
    case .runtime(let what): "Python: \(what)"
    case .tooManySteps: "Python: the program takes too many steps"
    }
  }
}
