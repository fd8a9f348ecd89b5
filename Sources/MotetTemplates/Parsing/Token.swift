/// A word of a template.
struct Token: Sendable {
  enum Kind: Sendable, Equatable {
    /// Text outside of tags.
    case text(String)
    /// `{{` and `}}`.
    case beginsValue, endsValue
    /// `{%` and `%}`.
    case beginsTag, endsTag
    case name(String)
    case string(String)
    case integer(Int)
    case float(Double)
    case symbol(Symbol)
    case end
  }

  enum Symbol: String, Sendable, CaseIterable {
    case power = "**"
    case floorDivide = "//"
    case equal = "=="
    case notEqual = "!="
    case greaterOrEqual = ">="
    case lessOrEqual = "<="
    case add = "+"
    case subtract = "-"
    case divide = "/"
    case multiply = "*"
    case modulo = "%"
    case tilde = "~"
    case opensList = "["
    case closesList = "]"
    case opensParenthesis = "("
    case closesParenthesis = ")"
    case opensMapping = "{"
    case closesMapping = "}"
    case greater = ">"
    case less = "<"
    case assign = "="
    case dot = "."
    case colon = ":"
    case pipe = "|"
    case comma = ","
    case semicolon = ";"
  }

  let kind: Kind
  let place: TemplatePlace

  /// How errors show it.
  var shown: String {
    switch kind {
    case .text: "text"
    case .beginsValue: "'{{'"
    case .endsValue: "'}}'"
    case .beginsTag: "'{%'"
    case .endsTag: "'%}'"
    case .name(let name): "'\(name)'"
    case .string: "a string"
    case .integer(let integer): "\(integer)"
    case .float(let float): float.pythonText
    case .symbol(let symbol): "'\(symbol.rawValue)'"
    case .end: "the end of the template"
    }
  }
}
