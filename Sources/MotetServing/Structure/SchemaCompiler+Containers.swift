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
    let (names, values) = (properties.map(\.name), properties.map(\.value))
    // From the last to the first: what may come after each, where a member is written already.
    var rest: ByteExpression = .nothing
    if let additional { rest = .repeated(.sequence([.text(","), white, additional]), least: 0, most: nil) }
    let afterLast = ByteExpression.rule(rule(rest))
    var members: [ByteExpression] = []
    for (property, value) in zip(properties, values) {
      let value = try self.value(value, at: "\(place)/properties/\(property.name)")
      members.append(.rule(rule(.sequence([.text(Self.literal(property.name) + ":"), white, value]))))
    }
    var later = afterLast
    // And where none is written yet.
    var first: ByteExpression? = additional.map { .sequence([$0, afterLast]) }
    var isEmptyAllowed = true
    for index in names.indices.reversed() {
      let isRequired = properties[index].isRequired
      let begin = ByteExpression.sequence([members[index], later])
      first = isRequired ? begin : .choice([begin] + (first.map { [.rule(rule($0))] } ?? []))
      if isRequired { isEmptyAllowed = false }
      let next = ByteExpression.sequence([.text(","), white, members[index], later])
      later = .rule(rule(isRequired ? next : .choice([next, later])))
    }
    guard let first else { return .sequence([.text("{"), white, .text("}")]) }
    return isEmptyAllowed
      ? bracketed("{", first, "}") : .sequence([.text("{"), white, first, white, .text("}")])
  }

  private struct Property {
    let name: String
    let value: JSONTree
    let isRequired: Bool
  }

  private func declared(_ schema: JSONTree, at place: String) throws -> [Property] {
    let members = schema["properties"].map { $0.members } ?? []
    guard let members else { throw Self.refusal("properties at \(place) is no object") }
    var required: [String] = []
    for name in schema["required"]?.elements ?? [] {
      guard let name = name.value?.stringValue else {
        throw Self.refusal("required at \(place) holds no names")
      }
      required.append(name)
    }
    var found = members.map {
      Property(name: $0.name, value: $0.value, isRequired: required.contains($0.name))
    }
    for name in required where !found.contains(where: { $0.name == name }) {
      // As what `additionalProperties` lets it be.
      let value = schema["additionalProperties"] ?? .leaf(.bool(true))
      guard value != .leaf(.bool(false)) else {
        throw Self.refusal("\"\(name)\" at \(place) is required and not among its properties")
      }
      found.append(Property(name: name, value: value, isRequired: true))
    }
    return found
  }

  /// A member that is not declared; nil where none is allowed.
  private mutating func additional(
    _ schema: JSONTree, besides properties: [Property], at place: String
  ) throws -> ByteExpression? {
    let isOpen = schema["additionalProperties"] ?? .leaf(.bool(properties.isEmpty))
    if isOpen == .leaf(.bool(false)) { return nil }
    let value = try value(isOpen, at: "\(place)/additionalProperties")
    guard properties.allSatisfy({ $0.name.utf8.count <= 256 }) else {
      throw Self.refusal("a name at \(place)/properties has more than 256 bytes")
    }
    let name = StringContent.names(except: properties.map(\.name), character: anyCharacter)
    return .rule(rule(.sequence([name, .text(":"), white, value])))
  }

  private static func literal(_ name: String) -> String { JSONValue.string(name).text() }

  // MARK: Combinations

  mutating func combination(_ keyword: String, _ schema: JSONTree, at place: String) throws -> ByteExpression
  {
    if keyword == "$ref" {
      guard let pointer = schema[keyword]?.value?.stringValue else {
        throw Self.refusal("$ref at \(place) is no text")
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
      for (index, one) in alternatives.enumerated() {
        for other in alternatives[..<index] where !SchemaKinds.exclude(resolved(one), resolved(other)) {
          throw Self.refusal(
            "alternatives of \"oneOf\" at \(place) may hold at once; use anyOf, or tell them apart by type or const"
          )
        }
      }
    }
    return .choice(
      try alternatives.enumerated().map { try value($1, at: "\(place)/\(keyword)/\($0)") })
  }

  /// A schema, or what it refers to.
  private func resolved(_ schema: JSONTree) -> JSONTree {
    guard let pointer = schema["$ref"]?.value?.stringValue else { return schema }
    var found: JSONTree? = root
    for name in pointer.split(separator: "/").dropFirst() { found = found?[String(name)] }
    return found ?? schema
  }
}

/// Whether two schemas can be seen to have no value in common.
private enum SchemaKinds {
  static func exclude(_ a: JSONTree, _ b: JSONTree) -> Bool {
    if let a = constants(a), let b = constants(b) { return !a.contains { b.contains($0) } }
    if let a = types(a), let b = types(b), a.isDisjoint(with: b) { return true }
    // Objects that a required member tells apart.
    for member in a["properties"]?.members ?? [] {
      guard let other = b["properties"]?[member.name], requires(a, member.name), requires(b, member.name),
        let own = constants(member.value), let others = constants(other)
      else { continue }
      if !own.contains(where: { others.contains($0) }) { return true }
    }
    return false
  }

  private static func constants(_ schema: JSONTree) -> [JSONTree]? {
    schema["const"].map { [$0] } ?? schema["enum"]?.elements
  }

  private static func types(_ schema: JSONTree) -> Set<String>? {
    guard let type = schema["type"] else { return nil }
    let names = type.elements?.compactMap { $0.value?.stringValue } ?? [type.value?.stringValue ?? ""]
    // An integer is a number too.
    return Set(names.map { $0 == "integer" ? "number" : $0 })
  }

  private static func requires(_ schema: JSONTree, _ name: String) -> Bool {
    schema["required"]?.elements?.contains(.leaf(.string(name))) ?? false
  }
}
