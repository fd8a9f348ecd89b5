import MotetFormats

/// Words of JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it).
enum Schema {
  /// Each event is an object of its own kind, or `[DONE]`.
  static let anything: JSONValue = [:]
  static let string: JSONValue = ["type": "string"]
  static let null: JSONValue = ["type": "null"]
  static let boolean: JSONValue = ["type": "boolean"]
  static let integer: JSONValue = ["type": "integer"]
  static let number: JSONValue = ["type": "number"]
  static let anyObject: JSONValue = ["type": "object"]

  static func integer(_ least: Int, _ most: Int? = nil) -> JSONValue {
    bounded("integer", .int(least), most.map(JSONValue.int))
  }
  static func number(_ least: Double, _ most: Double) -> JSONValue {
    bounded("number", .number(least), .number(most))
  }

  private static func bounded(_ type: String, _ least: JSONValue, _ most: JSONValue?) -> JSONValue {
    var members: [String: JSONValue] = ["type": .string(type), "minimum": least]
    members["maximum"] = most
    return .object(members)
  }

  /// Ids of a tokenizer.
  static func tokens(_ vocabulary: Int, least: Int = 1) -> JSONValue {
    array(of: integer(0, vocabulary - 1), least: least)
  }

  /// What an adapter may be called.
  static let adapterName: JSONValue = [
    "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[A-Za-z0-9_](\\.?[A-Za-z0-9_-])*\\.?$",
  ]

  /// Requires one of several members, beside those that are always required; the others of the several may only be null.
  static func object(
    _ properties: [String: JSONValue], requiringOneOf names: [String], and required: [String] = []
  ) -> JSONValue {
    var common = properties
    for name in names { common[name] = nil }
    guard case .object(var members) = object(common, required: required) else { return anyObject }
    members["oneOf"] = .array(
      names.map { name in
        var own = [String: JSONValue](uniqueKeysWithValues: names.map { ($0, null) })
        own[name] = properties[name]
        return ["properties": .object(own), "required": [.string(name)]]
      })
    return .object(members)
  }

  /// An object that is also as each of `rules` says.
  static func object(
    _ properties: [String: JSONValue], required: [String], rules: [JSONValue]
  ) -> JSONValue {
    guard case .object(var members) = object(properties, required: required) else { return anyObject }
    members["allOf"] = .array(rules)
    return .object(members)
  }

  /// Members that may stand together.
  static func members(_ properties: [String: JSONValue], required: [String] = []) -> JSONValue {
    ["properties": .object(properties), "required": .array(required.map(JSONValue.string))]
  }

  static func text(least: Int = 0, most: Int? = nil) -> JSONValue {
    var members: [String: JSONValue] = ["type": "string", "minLength": .int(least)]
    members["maxLength"] = most.map(JSONValue.int)
    return .object(members)
  }

  static func array(of items: JSONValue, least: Int = 0, most: Int? = nil) -> JSONValue {
    var members: [String: JSONValue] = ["type": "array", "items": items, "minItems": .int(least)]
    members["maxItems"] = most.map(JSONValue.int)
    return .object(members)
  }

  /// What is not required may also be null, which stands for a member that is left out.
  static func object(_ properties: [String: JSONValue], required: [String] = []) -> JSONValue {
    var properties = properties
    for (name, schema) in properties where !required.contains(name) { properties[name] = nullable(schema) }
    var members: [String: JSONValue] = ["type": "object", "properties": .object(properties)]
    if !required.isEmpty { members["required"] = .array(required.map(JSONValue.string)) }
    return .object(members)
  }

  static func one(of choices: [JSONValue]) -> JSONValue { ["anyOf": .array(choices)] }
  static func nullable(_ schema: JSONValue) -> JSONValue { ["anyOf": [schema, null]] }
  static func values(_ values: [String]) -> JSONValue { ["enum": .array(values.map(JSONValue.string))] }
  static func constant(_ value: JSONValue) -> JSONValue { ["const": value] }
  static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }
}
