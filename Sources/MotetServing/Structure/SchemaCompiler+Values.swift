import MotetFormats

extension SchemaCompiler {
  /// They say something to people and nothing about values.
  private static let annotations: Set<String> = [
    "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly",
    "$comment",
    "$schema", "$id", "$anchor", "$defs", "definitions", "name", "strict",
  ]
  private static let ofType: [String: Set<String>] = [
    "object": ["properties", "required", "additionalProperties"],
    "array": ["items", "minItems", "maxItems"],
    "string": ["minLength", "maxLength", "pattern", "format"],
  ]
  private static let alone: Set<String> = ["$ref", "anyOf", "oneOf", "allOf"]
  private static let known = ofType.values.reduce(alone.union(["type", "enum", "const"])) { $0.union($1) }
  static let types = ["object", "array", "string", "number", "integer", "boolean", "null"]

  /// What a schema allows.
  mutating func value(_ schema: JSONTree, at place: String) throws -> ByteExpression {
    try clock.spend(16)
    if let isAnything = schema.value?.boolValue {
      guard isAnything else { throw Self.refusal("\(place) is false, which allows nothing") }
      return anything()
    }
    guard let members = schema.members else {
      throw Self.refusal("\(place) is neither an object nor a boolean")
    }
    let keywords = Set(members.map(\.name)).subtracting(Self.annotations)
    if let foreign = keywords.subtracting(Self.known).sorted().first {
      throw Self.refusal("the keyword \"\(foreign)\" at \(place) is not supported; leave it out")
    }
    if let combined = keywords.intersection(Self.alone).sorted().first {
      guard keywords.count == 1 else {
        let other = keywords.subtracting([combined]).sorted().first ?? ""
        throw Self.refusal(
          "\"\(combined)\" at \(place) stands beside \"\(other)\"; put both into each alternative")
      }
      return try combination(combined, schema, at: place)
    }
    let types = try types(of: schema, keywords, at: place)
    if keywords.contains("enum") || keywords.contains("const") {
      return try constants(schema, types: keywords.contains("type") ? types : nil, at: place)
    }
    if types.isEmpty { return anything() }
    let values = try types.map { try value(ofType: $0, schema, at: place) }
    return values.count == 1 ? values[0] : .choice(values)
  }

  private func types(
    of schema: JSONTree, _ keywords: Set<String>, at place: String
  ) throws -> [String] {
    if let type = schema["type"] {
      let names = type.elements?.map { $0.value?.stringValue } ?? [type.value?.stringValue]
      return try names.map { name in
        guard let name, Self.types.contains(name) else {
          throw Self.refusal("the type at \(place) is none of \(Self.types.joined(separator: ", "))")
        }
        return name
      }
    }
    return Self.impliedTypes(keywords)
  }

  /// What says something of one type means that type: a schema for others has no use for it.
  static func impliedTypes(_ keywords: Set<String>) -> [String] {
    ofType.filter { !$0.value.isDisjoint(with: keywords) }.map(\.key).sorted()
  }

  private mutating func value(ofType type: String, _ schema: JSONTree, at place: String) throws
    -> ByteExpression
  {
    switch type {
    case "object": .within(place, try object(schema, at: place))
    case "array": .within(place, try array(schema, at: place))
    case "string": .within(place, try string(schema, at: place))
    case "number": number
    case "integer": integer
    case "boolean": .choice([.text("true"), .text("false")])
    default: .text("null")
    }
  }

  private func constants(_ schema: JSONTree, types: [String]?, at place: String) throws -> ByteExpression {
    var values = schema["enum"]?.elements ?? []
    if let only = schema["const"] {
      guard schema["enum"] == nil || values.contains(only) else {
        throw Self.refusal("const at \(place) is not among its enum")
      }
      values = [only]
    }
    if let types { values = values.filter { value in types.contains { Self.isOf($0, value) } } }
    guard !values.isEmpty else { throw Self.refusal("the enum at \(place) allows no value") }
    return .choice(values.map { .text($0.text) })
  }

  private static func isOf(_ type: String, _ value: JSONTree) -> Bool {
    switch (type, value) {
    case ("object", .object), ("array", .array): true
    case ("string", .leaf(.string)), ("boolean", .leaf(.bool)), ("null", .leaf(.null)): true
    case ("number", .leaf(.int)), ("number", .leaf(.double)), ("integer", .leaf(.int)): true
    case ("integer", .leaf(let value)): value.intValue != nil
    default: false
    }
  }

  // MARK: Strings

  private func string(_ schema: JSONTree, at place: String) throws -> ByteExpression {
    let least = try count("minLength", schema, at: place)
    let most = try count("maxLength", schema, at: place)
    let pattern = schema["pattern"]?.value?.stringValue
    let format = schema["format"]?.value?.stringValue
    guard [pattern != nil, format != nil, least != nil || most != nil].count(where: { $0 }) <= 1 else {
      throw Self.refusal("pattern, format and lengths at \(place) stand together; keep one of them")
    }
    if let pattern {
      return .sequence([.text("\""), try PatternParser.parse(pattern), .text("\"")])
    }
    if let format {
      guard let expression = Self.formats[format] else {
        throw Self.refusal("the format \"\(format)\" at \(place) is not supported; leave it out")
      }
      return .sequence([.text("\""), try PatternParser.parse(expression), .text("\"")])
    }
    guard least ?? 0 <= most ?? .max else { throw Self.refusal("minLength at \(place) is above maxLength") }
    guard least ?? 0 > 0 || most != nil else { return anyString }
    return .sequence([
      .text("\""), .repeated(anyCharacter, least: least ?? 0, most: most), .text("\""),
    ])
  }

  private static let day = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
  private static let time =
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
  /// Days go to 28, which every month has.
  private static let formats = [
    "date": "^\(day)$", "time": "^\(time)$", "date-time": "^\(day)T\(time)$",
    "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "ipv4":
      "^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$",
    "email": "^[a-z0-9_]+([.+-][a-z0-9_]+)*@[a-z0-9]+(-[a-z0-9]+)*(\\.[a-z0-9]+(-[a-z0-9]+)*)+$",
  ]

  /// A number of things.
  func count(_ keyword: String, _ schema: JSONTree, at place: String) throws -> Int? {
    guard let value = schema[keyword] else { return nil }
    guard let count = value.value?.intValue, (0...100_000).contains(count) else {
      throw Self.refusal("\(keyword) at \(place) is not a whole number up to 100000")
    }
    return count
  }
}
