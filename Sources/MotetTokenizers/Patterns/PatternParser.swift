/// Parses regular expressions as Oniguruma reads them in its own syntax, which is what `tokenizer.json` holds.
///
/// What real tokenizers do not use (backreferences, calls, conditions, grapheme clusters) is refused by name.
/// Source: Oniguruma's `doc/RE`.
struct PatternParser {
  /// Deeper nesting than any tokenizer has, and far less than the stack bears.
  static let maximumDepth = 64
  /// More characters than any tokenizer's expression has.
  static let maximumLength = 1 << 14
  /// Oniguruma refuses more, too.
  static let maximumRepetitions = 100_000

  struct Options {
    var ignoresCase = false
    /// `(?m)`: a dot matches a newline.
    var dotMatchesNewline = false
    /// `(?x)`: white space and comments do not count.
    var isExtended = false
  }

  private let source: [Unicode.Scalar]
  var position = 0
  private var options = Options()
  private var depth = 0
  /// The sets that were looked up by name.
  private var named: [String: ScalarSet] = [:]

  /// - Throws: ``PatternError``
  static func parse(_ source: String) throws -> PatternNode {
    var parser = PatternParser(source)
    guard parser.source.count <= maximumLength else {
      throw PatternError(reason: "it has more than \(maximumLength) characters")
    }
    let node = try parser.alternation()
    guard parser.isAtEnd else { throw parser.failure("a ')' has no '(' before it") }
    return node
  }

  private init(_ source: String) { self.source = Array(source.unicodeScalars) }

  var isAtEnd: Bool { position >= source.count }

  func failure(_ reason: String) -> PatternError {
    PatternError(reason: "\(reason) (at character \(min(position, source.count)))")
  }

  func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    position + offset < source.count ? source[position + offset] : nil
  }

  /// Takes `text` if it comes next.
  mutating func take(_ text: String) -> Bool {
    var end = position
    for scalar in text.unicodeScalars {
      guard end < source.count, source[end] == scalar else { return false }
      end += 1
    }
    position = end
    return true
  }

  /// The next character; an error says that `what` was expected.
  mutating func next(_ what: String) throws -> Unicode.Scalar {
    guard let scalar = peek() else { throw failure("the expression ends where \(what) is expected") }
    position += 1
    return scalar
  }

  /// The set of characters that `\p{name}` stands for; nil when it is not known.
  mutating func property(_ name: String) -> ScalarSet? {
    if let known = named[name] { return known }
    let set = PatternProperties.named(name)
    named[name] = set
    return set
  }

  // MARK: - Structure

  private mutating func alternation() throws -> PatternNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      throw failure("it nests more than \(Self.maximumDepth) groups")
    }
    var alternatives = [try sequence()]
    while take("|") { alternatives.append(try sequence()) }
    return alternatives.count == 1 ? alternatives[0] : .alternation(alternatives)
  }

  private mutating func sequence() throws -> PatternNode {
    var nodes: [PatternNode] = []
    var literal: Unicode.Scalar?
    while let scalar = peek(), scalar != "|", scalar != ")" {
      if options.isExtended, skipExtended() { continue }
      let before = literal
      literal = nil
      guard var node = try atom(literal: &literal) else { continue }
      try quantify(&node)
      if options.ignoresCase, let before, let literal { try refuseExpansion(before, literal) }
      nodes.append(node)
    }
    return nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  /// White space and a comment of `(?x)`.
  private mutating func skipExtended() -> Bool {
    guard let scalar = peek() else { return false }
    if WhiteSpace.contains(scalar.value) {
      position += 1
      return true
    }
    guard scalar == "#" else { return false }
    while let scalar = peek(), scalar != "\n" { position += 1 }
    return true
  }

  /// One atom; nil for what matches nothing by itself, such as a comment. `literal` becomes the character when it is one.
  private mutating func atom(literal: inout Unicode.Scalar?) throws -> PatternNode? {
    let scalar = try next("a character")
    switch scalar {
    case "(": return try group()
    case "[": return .set(folded(try characterClass()))
    case ".": return .set(options.dotMatchesNewline ? .all : ScalarSet([0x0A...0x0A]).complement)
    case "^": return .assertion(.lineStart)
    case "$": return .assertion(.lineEnd)
    case "*", "+", "?": throw failure("the quantifier '\(scalar)' has nothing before it")
    case "\\": return try escape(literal: &literal)
    default:
      literal = scalar
      return .set(folded(ScalarSet([scalar.value...scalar.value])))
    }
  }

  func folded(_ set: ScalarSet) -> ScalarSet {
    options.ignoresCase ? CaseFolding.closure(of: set) : set
  }

  /// Oniguruma lets `(?i:ss)` match `ß`; no tokenizer needs that, and here a pair that would is refused.
  private func refuseExpansion(_ first: Unicode.Scalar, _ second: Unicode.Scalar) throws {
    if CaseFolding.expands(first, second) {
      throw failure("ignoring case, '\(first)\(second)' may stand for one character, which is not supported")
    }
  }

  // MARK: - Quantifiers

  private mutating func quantify(_ node: inout PatternNode) throws {
    while let scalar = peek() {
      if options.isExtended, skipExtended() { continue }
      var (low, high) = (0, PatternNode.unlimited)
      var isInterval = false
      switch scalar {
      case "*": position += 1
      case "+":
        position += 1
        low = 1
      case "?":
        position += 1
        high = 1
      case "{":
        guard let interval = try interval() else { return }
        (low, high) = interval
        isInterval = true
      default: return
      }
      var greed = PatternNode.Greed.greedy
      // `{2}?` and `{1,2}+` quantify once more; `{1,2}?` is lazy.
      if peek() == "?", !(isInterval && low == high) {
        position += 1
        greed = .lazy
      } else if peek() == "+", !isInterval {
        position += 1
        greed = .possessive
      }
      node = .repetition(node, atLeast: low, atMost: high, greed)
    }
  }

  /// `{2}`, `{2,}`, `{,3}` or `{2,3}`; nil, and nothing taken, for a brace that stands for itself.
  private mutating func interval() throws -> (Int, Int)? {
    let start = position
    position += 1
    let low = try number()
    var high = low
    if take(",") { high = try number() ?? PatternNode.unlimited }
    guard take("}"), low != nil || high != nil, low != nil || high != PatternNode.unlimited else {
      position = start
      return nil
    }
    let bounds = (low ?? 0, high ?? PatternNode.unlimited)
    guard bounds.0 <= bounds.1 else { throw failure("a repetition has its bounds the wrong way round") }
    return bounds
  }

  private mutating func number() throws -> Int? {
    var value: Int?
    while let digit = peek(), ("0"..."9").contains(digit) {
      value = (value ?? 0) * 10 + Int(digit.value - 0x30)
      position += 1
      if let value, value > Self.maximumRepetitions {
        throw failure("it repeats more than \(Self.maximumRepetitions) times")
      }
    }
    return value
  }

  // MARK: - Groups

  /// What follows `(`; nil for a comment.
  private mutating func group() throws -> PatternNode? {
    guard take("?") else { return try closed(alternation()) }
    if take("#") {
      while try next("')' after a comment") != ")" {}
      return nil
    }
    if take(":") { return try closed(alternation()) }
    if take("=") { return .lookahead(try closed(alternation()), negated: false) }
    if take("!") { return .lookahead(try closed(alternation()), negated: true) }
    if take(">") { return .atomic(try closed(alternation())) }
    if take("<=") { return try lookbehind(negated: false) }
    if take("<!") { return try lookbehind(negated: true) }
    if take("<") || take("P<") {
      while try next("'>' after a group's name") != ">" {}
      return try closed(alternation())
    }
    return try optionGroup()
  }

  private mutating func closed(_ node: PatternNode) throws -> PatternNode {
    guard take(")") else { throw failure("a '(' has no ')' after it") }
    return node
  }

  private mutating func lookbehind(negated: Bool) throws -> PatternNode {
    let node = try closed(alternation())
    guard node.lengths.upperBound <= 255 else {
      throw failure("a look-behind of more than 255 characters is not supported")
    }
    return .lookbehind(node, negated: negated)
  }

  /// `(?i-m:…)`, or `(?i)` which holds to the end of the group around it: `a(?i)b|c` reads as `a(?i:b|c)`.
  private mutating func optionGroup() throws -> PatternNode? {
    var changed = options
    var isOn = true
    while true {
      let scalar = try next("')' after options")
      switch scalar {
      case "-": isOn = false
      case "i": changed.ignoresCase = isOn
      case "m": changed.dotMatchesNewline = isOn
      case "x": changed.isExtended = isOn
      case ":", ")":
        let outer = options
        options = changed
        defer { options = outer }
        return scalar == ":" ? try closed(alternation()) : try alternation()
      default: throw failure("a group that begins with '(?\(scalar)' is not supported")
      }
    }
  }
}
