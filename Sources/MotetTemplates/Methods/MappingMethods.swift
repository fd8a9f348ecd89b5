/// The methods of mappings: those of Python's dict that do not change it.
enum MappingMethods {
  static let all: [String: Operation] = [
    "copy": Operation { value, _, _ in value },
    "get": Operation(["key", "default"], required: 1) { value, given, _ in
      try mapping(value).value(of: given[0] ?? .null) ?? given[1] ?? .null
    },
    "items": Operation { value, _, rendering in
      try rendering.made(try mapping(value).pairs(), .view("items"))
    },
    "keys": Operation { value, _, rendering in try rendering.made(try mapping(value).keys, .view("keys")) },
    "values": Operation { value, _, rendering in
      try rendering.made(try mapping(value).values, .view("values"))
    },
  ]

  private static let changing: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]

  /// What stands for a method that would change the mapping: an undefined value whose use says why.
  static func changing(_ name: String) -> TemplateValue? {
    guard changing.contains(name) else { return nil }
    return .undefined(because: "'.\(name)' would change a mapping, which templates cannot")
  }

  private static func mapping(_ value: TemplateValue) throws -> MappingValue {
    guard case .mapping(let mapping) = value else {
      throw TemplateProblem.failed("a mapping is needed, not \(value.typeName)")
    }
    return mapping
  }
}

/// The methods of lists and tuples: those of Python's that do not change them.
enum ListMethods {
  static let all: [String: Operation] = [
    "copy": Operation { value, _, _ in value },
    "count": Operation(["value"], required: 1) { value, given, rendering in
      .int(try value.elements(in: rendering).count { try $0.equals(given[0] ?? .null, in: rendering) })
    },
    "index": Operation(["value"], required: 1) { value, given, rendering in
      let place = try value.elements(in: rendering).firstIndex {
        try $0.equals(given[0] ?? .null, in: rendering)
      }
      guard let place else { throw TemplateProblem.failed("the list does not hold the value") }
      return .int(place)
    },
  ]

  private static let changing: Set<String> = [
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
  ]

  /// What stands for a method that would change the list: an undefined value whose use says why.
  static func changing(_ name: String) -> TemplateValue? {
    guard changing.contains(name) else { return nil }
    return .undefined(
      because: "'.\(name)' would change a list, which templates cannot: use '+' or a namespace")
  }
}

/// The methods of `loop`.
enum LoopMethods {
  static let all: [String: Operation] = [
    "changed": .variadic { value, given, rendering in
      guard case .object(let object) = value, let loop = rendering.loop(object) else { return .bool(false) }
      let values = given.all.positional
      if let last = loop.lastValues, last.count == values.count,
        try zip(last, values).allSatisfy({ try $0.equals($1, in: rendering) })
      {
        return .bool(false)
      }
      rendering.setLastValues(values, of: object)
      return .bool(true)
    },
    "cycle": .variadic { value, given, rendering in
      guard case .object(let object) = value, let loop = rendering.loop(object), !given.all.positional.isEmpty
      else { throw TemplateProblem.failed("loop.cycle needs at least one value") }
      return given.all.positional[loop.index % given.all.positional.count]
    },
  ]
}

/// The methods of `cycler`.
enum CyclerMethods {
  static let all: [String: Operation] = [
    "next": Operation { value, _, rendering in
      guard case .object(let object) = value else { return .null }
      return rendering.updateCycler(object) { $0.next() }
    },
    "reset": Operation { value, _, rendering in
      if case .object(let object) = value { rendering.updateCycler(object) { $0.position = 0 } }
      return .null
    },
  ]
}
