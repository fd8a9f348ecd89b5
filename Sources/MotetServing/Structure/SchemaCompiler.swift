import Foundation
import MotetFormats

/// Makes a grammar of a JSON schema (draft 2020-12, as far as it goes), or of any JSON object.
///
/// Understood: `type` (one or several), `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`,
/// `minItems`, `maxItems`, `minLength`, `maxLength`, `pattern`, `format` (date, time, date-time, uuid, ipv4, email),
/// `anyOf`, `oneOf` of alternatives that exclude each other, `allOf` of one, `$ref` within the schema and `$defs`.
/// Annotations change nothing; every other keyword is refused by name.
///
/// What comes out is within what the schema allows, and narrower in this: members come in the order of `properties`;
/// none are added to an object with `properties` unless `additionalProperties` says so; numbers have at most 15 digits
/// before and after the point and an exponent of two; white space is one space, or a new line with at most 20 spaces
/// or tabs.
struct SchemaCompiler {
  private(set) var rules: [ByteExpression] = []
  private var references: [String: Int] = [:]
  let root: JSONTree
  private var anyValue: Int?
  private var depth = 0
  var clock: CompileClock

  /// Bytes of a schema, at most, and references that lead through one another: a schema comes from anybody.
  private static let mostBytes = 1 << 20
  private static let mostReferences = 64

  /// - Parameters:
  ///   - writable: bytes that the vocabulary can write one at a time
  ///   - reach: bytes of the longest token
  ///   - clock: ends what takes too long
  /// - Throws: ``ServingError/invalid(parameter:message:)``, `CancellationError`
  static func compile(
    _ format: OutputFormat, writable: ByteSet = .all, reach: Int = 128,
    clock: CompileClock = CompileClock()
  ) throws -> ByteGrammar? {
    let tree: JSONTree
    switch format {
    case .text: return nil
    case .json: tree = .object([JSONTree.Member(name: "type", value: .leaf(.string("object")))])
    case .schema(let text):
      guard text.utf8.count <= mostBytes else { throw refusal("it has more than \(mostBytes) bytes") }
      do { tree = try JSONTree(parsing: text, named: "the schema") } catch {
        throw refusal("it is not JSON: \(error)")
      }
    }
    var compiler = SchemaCompiler(tree, clock)
    let first = try compiler.rule(compiler.value(tree, at: "#"))
    let names = Dictionary(uniqueKeysWithValues: compiler.references.map { ($0.value, $0.key) })
    return try ByteGrammar(
      rules: compiler.rules, first: first, names: names, writable: writable, reach: reach,
      clock: compiler.clock)
  }

  /// What every schema shares, by its number among the rules.
  private enum Shared: Int, CaseIterable {
    case character, indent, stringRest, integer, number

    var expression: ByteExpression {
      switch self {
      case .character: StringContent.character
      case .indent: .repeated(.bytes(ByteSet(" \t")), least: 0, most: 20)
      case .stringRest: .sequence([.repeated(StringContent.character, least: 0, most: nil), .text("\"")])
      case .integer: NumberForms.integer
      case .number: NumberForms.number
      }
    }
  }

  private init(_ root: JSONTree, _ clock: CompileClock) {
    self.root = root
    self.clock = clock
    rules = Shared.allCases.map(\.expression)
  }

  static func refusal(_ problem: String) -> ServingError {
    .invalid(parameter: "response_format", message: "the JSON schema cannot be followed: \(problem)")
  }

  mutating func rule(_ expression: ByteExpression) -> Int {
    rules.append(expression)
    return rules.count - 1
  }

  var anyCharacter: ByteExpression { .rule(Shared.character.rawValue) }
  var stringRest: ByteExpression { .rule(Shared.stringRest.rawValue) }
  var anyString: ByteExpression { .sequence([.text("\""), stringRest]) }
  var number: ByteExpression { .rule(Shared.number.rawValue) }
  var integer: ByteExpression { .rule(Shared.integer.rawValue) }
  var white: ByteExpression {
    .choice([.nothing, .text(" "), .sequence([.text("\n"), .rule(Shared.indent.rawValue)])])
  }

  /// Any JSON value.
  mutating func anything() -> ByteExpression {
    if let anyValue { return .rule(anyValue) }
    let value = rule(.nothing)
    anyValue = value
    let member = ByteExpression.sequence([anyString, .text(":"), white, .rule(value)])
    rules[value] = .choice([
      bracketed("{", list(of: .rule(rule(member)), least: 0, most: nil), "}"),
      bracketed("[", list(of: .rule(value), least: 0, most: nil), "]"), anyString, number,
      .text("true"), .text("false"), .text("null"),
    ])
    return .rule(value)
  }

  func bracketed(_ open: String, _ inner: ByteExpression, _ close: String) -> ByteExpression {
    .sequence([.text(open), .choice([white, .sequence([white, inner, white])]), .text(close)])
  }

  /// Elements with commas between them, at least one unless `least` is 0: the empty list is ``bracketed(_:_:_:)``'s.
  func list(of element: ByteExpression, least: Int, most: Int?) -> ByteExpression {
    .sequence([
      element,
      .repeated(
        .sequence([.text(","), white, element]), least: max(0, least - 1), most: most.map { max(0, $0 - 1) }),
    ])
  }

  // MARK: References

  /// The rule of what a pointer within the schema leads to.
  mutating func reference(_ pointer: String, at place: String) throws -> ByteExpression {
    if let known = references[pointer] { return .rule(known) }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.mostReferences else {
      throw Self.refusal("$ref \"\(pointer)\" leads through more than \(Self.mostReferences) others")
    }
    guard pointer == "#" || pointer.hasPrefix("#/") else {
      throw Self.refusal("$ref \"\(pointer)\" at \(place) leads out of it; put the definition into $defs")
    }
    guard let found = target(of: pointer) else {
      throw Self.refusal("$ref \"\(pointer)\" at \(place) leads to nothing")
    }
    let index = rule(.nothing)
    references[pointer] = index
    rules[index] = try value(found, at: pointer)
    return .rule(index)
  }

  /// The part of the schema that a pointer leads to.
  private func target(of pointer: String) -> JSONTree? {
    var found = root
    for part in pointer.dropFirst(2).split(separator: "/") {
      let name = (part.removingPercentEncoding ?? String(part))
        .replacingOccurrences(of: "~1", with: "/").replacingOccurrences(of: "~0", with: "~")
      let element = Int(name).flatMap { index in
        found.elements.flatMap { $0.indices.contains(index) ? $0[index] : nil }
      }
      guard let next = found[name] ?? element else { return nil }
      found = next
    }
    return found
  }

  /// A schema, or what it refers to.
  func resolved(_ schema: JSONTree) -> JSONTree {
    var found = schema
    for _ in 0..<Self.mostReferences {
      guard let pointer = found["$ref"]?.value?.stringValue, let next = target(of: pointer) else { break }
      found = next
    }
    return found
  }
}
