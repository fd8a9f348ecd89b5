import MotetFormats

/// What can be seen of an alternative of `oneOf`, to tell whether two have a value in common.
struct AlternativeKinds {
  /// Its values, in one form for each, if it lists them.
  private let constants: Set<String>?
  /// The types of its values, a bit each.
  private let types: UInt8
  /// Members that each of its values has, with the values that they may have.
  private let markers: [String: Set<String>]

  private init(_ schema: JSONTree) {
    let values = schema["const"].map { [$0] } ?? schema["enum"]?.elements
    constants = values.map { Set($0.map(Self.form)) }
    types = values.map { $0.reduce(0) { $0 | Self.type(of: $1) } } ?? Self.types(schema)
    var markers: [String: Set<String>] = [:]
    if let members = schema["properties"]?.members, !members.isEmpty {
      let required = Set((schema["required"]?.elements ?? []).compactMap { $0.value?.stringValue })
      for member in members where required.contains(member.name) {
        let values = member.value["const"].map { [$0] } ?? member.value["enum"]?.elements
        if let values { markers[member.name] = Set(values.map(Self.form)) }
      }
    }
    self.markers = markers
  }

  static func isConstant(_ schema: JSONTree) -> Bool { schema["const"] != nil || schema["enum"] != nil }

  /// Two alternatives that may hold at once, by their numbers; nil if there are none.
  static func overlap(
    _ alternatives: [JSONTree], clock: inout CompileClock
  ) throws -> (Int, Int)? {
    let kinds = alternatives.map(AlternativeKinds.init)
    var owners: [String: Int] = [:]
    for (index, kind) in kinds.enumerated() {
      for value in kind.constants ?? [] {
        try clock.spend()
        if let owner = owners.updateValue(index, forKey: value) { return (owner, index) }
      }
    }
    let open = kinds.indices.filter { kinds[$0].constants == nil }
    if let apart = try areApart(open.map { kinds[$0] }, clock: &clock), apart {
      // Among themselves; beside constants it is the types that count.
      for index in open {
        for other in kinds.indices
        where kinds[other].constants != nil && kinds[index].types & kinds[other].types != 0 {
          return (min(index, other), max(index, other))
        }
        try clock.spend(kinds.count / 16 + 1)
      }
      return nil
    }
    for index in open {
      for other in kinds.indices where other != index && (kinds[other].constants != nil || other < index) {
        try clock.spend()
        if !kinds[index].excludes(kinds[other]) { return (min(index, other), max(index, other)) }
      }
    }
    return nil
  }

  /// Whether one member tells all of them apart; nil if none can be seen to.
  private static func areApart(
    _ kinds: [AlternativeKinds], clock: inout CompileClock
  ) throws -> Bool? {
    guard kinds.count > 1, let first = kinds.first else { return kinds.count <= 1 ? true : nil }
    for name in first.markers.keys.sorted() where kinds.allSatisfy({ $0.markers[name] != nil }) {
      var seen = Set<String>()
      var isApart = true
      for kind in kinds {
        for value in kind.markers[name] ?? [] {
          try clock.spend()
          isApart = seen.insert(value).inserted && isApart
        }
      }
      if isApart { return true }
    }
    return nil
  }

  private func excludes(_ other: AlternativeKinds) -> Bool {
    if types & other.types == 0 { return true }
    return markers.contains { name, values in
      other.markers[name].map { values.isDisjoint(with: $0) } ?? false
    }
  }

  // MARK: Values

  /// A value's text, the same for all ways to write it.
  private static func form(_ value: JSONTree) -> String {
    switch value {
    case .object(let members):
      "{"
        + members.sorted { $0.name < $1.name }.map { "\(JSONValue.string($0.name).text()):\(form($0.value))" }
        .joined(separator: ",") + "}"
    case .array(let elements): "[" + elements.map(form).joined(separator: ",") + "]"
    case .leaf(let leaf): leaf.intValue.map(String.init) ?? leaf.text()
    }
  }

  private static func bit(_ type: String) -> UInt8 {
    // An integer is a number too.
    SchemaCompiler.types.firstIndex(of: type == "integer" ? "number" : type).map { 1 << UInt8($0) } ?? 0
  }

  private static func type(of value: JSONTree) -> UInt8 {
    switch value {
    case .object: bit("object")
    case .array: bit("array")
    case .leaf(.string): bit("string")
    case .leaf(.bool): bit("boolean")
    case .leaf(.null): bit("null")
    default: bit("number")
    }
  }

  private static func types(_ schema: JSONTree) -> UInt8 {
    let names =
      schema["type"].map { type in
        type.elements?.compactMap { $0.value?.stringValue } ?? [type.value?.stringValue ?? ""]
      } ?? SchemaCompiler.impliedTypes(Set((schema.members ?? []).map(\.name)))
    let bits = names.reduce(0) { $0 | bit($1) }
    return bits == 0 ? .max : bits
  }
}
