import MotetFormats

extension SchemaCompiler {
  // MARK: Arrays

  mutating func array(_ schema: JSONTree, at place: String) throws -> ByteExpression {
    let least = try count("minItems", schema, at: place) ?? 0
    let most = try count("maxItems", schema, at: place)
    guard least <= most ?? .max else { throw Self.refusal("minItems at \(place) is above maxItems") }
    guard most != 0 else { return .sequence([.text("["), white, .text("]")]) }
    let item = try schema["items"].map { try value($0, at: "\(place)/items") } ?? anything()
    let filled = list(of: .rule(rule(item)), least: least, most: most)
    return least == 0
      ? bracketed("[", filled, "]") : .sequence([.text("["), white, filled, white, .text("]")])
  }

  // MARK: Objects

  mutating func object(_ schema: JSONTree, at place: String) throws -> ByteExpression {
    let properties = try declared(schema, at: place)
    let additional = try additional(schema, besides: properties, at: place)
    let members = try properties.map { property in
      ByteExpression.ObjectForm.Member(
        name: Array(Self.literal(property.name).utf8),
        value: try value(property.value, at: "\(place)/properties/\(property.name)"),
        isRequired: property.isRequired)
    }
    return .object(
      ByteExpression.ObjectForm(
        members: members, additional: additional, white: white, stringRest: stringRest))
  }

  private struct Property {
    let name: String
    let value: JSONTree
    let isRequired: Bool
  }

  private func declared(_ schema: JSONTree, at place: String) throws -> [Property] {
    let members = schema["properties"].map { $0.members } ?? []
    guard let members else { throw Self.refusal("properties at \(place) is not an object") }
    var required: [String] = []
    var names = Set<String>()
    for name in schema["required"]?.elements ?? [] {
      guard let name = name.value?.stringValue else {
        throw Self.refusal("required at \(place) must hold names")
      }
      if names.insert(name).inserted { required.append(name) }
    }
    var found = members.map {
      Property(name: $0.name, value: $0.value, isRequired: names.contains($0.name))
    }
    let known = Set(members.map(\.name))
    for name in required where !known.contains(name) {
      // As what `additionalProperties` lets it be.
      let value = schema["additionalProperties"] ?? .leaf(.bool(true))
      guard value != .leaf(.bool(false)) else {
        throw Self.refusal("\"\(name)\" at \(place) is required and not among its properties")
      }
      found.append(Property(name: name, value: value, isRequired: true))
    }
    return found
  }

  /// The value of a member that is not declared; nil where none is allowed.
  private mutating func additional(
    _ schema: JSONTree, besides properties: [Property], at place: String
  ) throws -> ByteExpression? {
    let isOpen = schema["additionalProperties"] ?? .leaf(.bool(properties.isEmpty))
    if isOpen == .leaf(.bool(false)) { return nil }
    return try value(isOpen, at: "\(place)/additionalProperties")
  }

  private static func literal(_ name: String) -> String { JSONValue.string(name).text() }

  // MARK: Combinations

  mutating func combination(_ keyword: String, _ schema: JSONTree, at place: String) throws -> ByteExpression
  {
    if keyword == "$ref" {
      guard let pointer = schema[keyword]?.value?.stringValue else {
        throw Self.refusal("$ref at \(place) is not a text")
      }
      return try reference(pointer, at: place)
    }
    guard let alternatives = schema[keyword]?.elements, !alternatives.isEmpty else {
      throw Self.refusal("\"\(keyword)\" at \(place) has no alternatives")
    }
    if keyword == "allOf", alternatives.count > 1 {
      throw Self.refusal("\"allOf\" at \(place) has several parts; write them as one")
    }
    if keyword == "oneOf" {
      let pair = try AlternativeKinds.overlap(alternatives.map(resolved), clock: &clock)
      if let (one, other) = pair {
        throw Self.refusal(
          "alternatives \(one) and \(other) of \"oneOf\" at \(place) may hold at once; use anyOf, or tell them apart by type or const"
        )
      }
    }
    let constants = alternatives.count { AlternativeKinds.isConstant($0) }
    guard alternatives.count - constants <= Self.mostAlternatives else {
      throw Self.refusal(
        "\"\(keyword)\" at \(place) has \(alternatives.count - constants) alternatives that are not constants; at most \(Self.mostAlternatives) can be followed"
      )
    }
    return .choice(
      try alternatives.enumerated().map { try value($1, at: "\(place)/\(keyword)/\($0)") })
  }

  /// Alternatives that are more than a constant: an answer may stand in all of them at once.
  private static let mostAlternatives = 1_000
}
