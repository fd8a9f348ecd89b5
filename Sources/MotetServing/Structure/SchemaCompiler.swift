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
  private let character: Int
  private let space: Int
  private var anyValue: Int?
  private var depth = 0

  /// Bytes of a schema, at most, and references that lead through one another: a schema comes from anybody.
  private static let mostBytes = 1 << 16
  private static let mostReferences = 64

  /// - Throws: ``ServingError/invalid(parameter:message:)``
  static func compile(_ format: OutputFormat) throws -> ByteGrammar? {
    let tree: JSONTree
    switch format {
    case .text: return nil
    case .json: tree = .object([JSONTree.Member(name: "type", value: .leaf(.string("object")))])
    case .schema(let text):
      guard text.utf8.count <= mostBytes else { throw refusal("it has more than \(mostBytes) bytes") }
      do { tree = try JSONTree(parsing: text, named: "the schema") } catch {
        throw refusal("it is no JSON: \(error)")
      }
    }
    var compiler = SchemaCompiler(tree)
    let first = try compiler.rule(compiler.value(tree, at: "#"))
    return try ByteGrammar(rules: compiler.rules, first: first)
  }

  private init(_ root: JSONTree) {
    self.root = root
    rules = [
      StringContent.character,
      .choice([
        .nothing, .text(" "),
        .sequence([.text("\n"), .repeated(.bytes(ByteSet(" \t")), least: 0, most: 20)]),
      ]),
    ]
    character = 0
    space = 1
  }

  static func refusal(_ problem: String) -> ServingError {
    .invalid(parameter: "response_format", message: "the JSON schema cannot be followed: \(problem)")
  }

  mutating func rule(_ expression: ByteExpression) -> Int {
    rules.append(expression)
    return rules.count - 1
  }

  var anyCharacter: ByteExpression { .rule(character) }
  var white: ByteExpression { .rule(space) }
  var anyString: ByteExpression {
    .sequence([.text("\""), .repeated(anyCharacter, least: 0, most: nil), .text("\"")])
  }

  /// Any JSON value.
  mutating func anything() -> ByteExpression {
    if let anyValue { return .rule(anyValue) }
    let value = rule(.nothing)
    anyValue = value
    let member = ByteExpression.sequence([anyString, .text(":"), white, .rule(value)])
    rules[value] = .choice([
      bracketed("{", list(of: .rule(rule(member)), least: 0, most: nil), "}"),
      bracketed("[", list(of: .rule(value), least: 0, most: nil), "]"), anyString, NumberForms.number,
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
    var found = root
    for part in pointer.dropFirst(2).split(separator: "/") {
      let name = (part.removingPercentEncoding ?? String(part))
        .replacingOccurrences(of: "~1", with: "/").replacingOccurrences(of: "~0", with: "~")
      guard
        let next = found[name]
          ?? Int(name).flatMap({ index in
            found.elements.flatMap { $0.indices.contains(index) ? $0[index] : nil }
          })
      else { throw Self.refusal("$ref \"\(pointer)\" at \(place) leads to nothing") }
      found = next
    }
    let index = rule(.nothing)
    references[pointer] = index
    rules[index] = try value(found, at: pointer)
    return .rule(index)
  }
}
