/// Reads the words of a template into statements.
///
/// It follows jinja2's grammar, precedence included: filters and tests bind more tightly than operators, `**` groups to
/// the left, and comparisons chain as in Python.
/// Source: jinja2/parser.py, version 3.1.
struct Parser {
  /// More than templates have; deeper ones would not leave the stack room.
  private static let deepest = 80
  /// Attributes, calls and filters that one tag may hold: each can make the tree one deeper.
  private static let mostLinks = 256

  private var tokens: [Token]
  private var position = 0
  private var depth = 0
  private var links = 0
  /// Loops around the current place that `break` can end.
  var loops = 0
  /// Branches around the current place: what is unknown there is an error only when it is reached.
  var branches = 0
  /// Whether a `{% generation %}` was read.
  private(set) var hasGeneration = false
  /// For each macro around the current place, which of the special variables it uses.
  var macroUses: [Set<String>] = []

  init(_ tokens: [Token]) { self.tokens = tokens }

  /// The whole template.
  /// - Throws: ``TemplateError``
  mutating func template() throws -> Block {
    let (block, _) = try block(endingWith: [], opened: nil)
    return block
  }
}

// MARK: - Words

extension Parser {
  var current: Token { tokens[position] }

  var next: Token { tokens[min(position + 1, tokens.count - 1)] }

  @discardableResult
  mutating func advance() -> Token {
    defer { if position < tokens.count - 1 { position += 1 } }
    return tokens[position]
  }

  func isName(_ name: String) -> Bool { current.kind == .name(name) }

  func isSymbol(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }

  mutating func take(name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  mutating func take(symbol: Token.Symbol) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func expect(symbol: Token.Symbol) throws {
    guard take(symbol: symbol) else { throw unexpected(wanted: "'\(symbol.rawValue)'") }
  }

  mutating func expect(name: String) throws {
    guard take(name: name) else { throw unexpected(wanted: "'\(name)'") }
  }

  mutating func expect(_ kind: Token.Kind, wanted: String) throws {
    guard current.kind == kind else { throw unexpected(wanted: wanted) }
    advance()
  }

  mutating func expectName() throws -> String {
    guard case .name(let name) = current.kind else { throw unexpected(wanted: "a name") }
    advance()
    return name
  }

  func unexpected(wanted: String) -> TemplateError {
    .syntax(current.place, problem: "\(wanted) is expected, not \(current.shown)")
  }

  /// Calls `body` one level further down.
  mutating func nested<Result>(_ body: (inout Parser) throws -> Result) throws -> Result {
    guard depth < Self.deepest else {
      throw TemplateError.limit(current.place, what: "the template is nested more than \(Self.deepest) deep")
    }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  /// Counts an attribute, a call or a filter of the tag that is being read.
  mutating func countLink() throws {
    links += 1
    guard links <= Self.mostLinks else {
      throw TemplateError.limit(
        current.place, what: "a tag holds more than \(Self.mostLinks) attributes, calls and filters")
    }
  }

  mutating func beginTag() { links = 0 }

  mutating func foundGeneration() { hasGeneration = true }
}
