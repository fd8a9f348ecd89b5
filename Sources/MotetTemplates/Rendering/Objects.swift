/// The attributes of a `namespace(…)`, in the order they were set.
struct NamespaceObject {
  private var names: [String] = []
  private var values: [String: TemplateValue] = [:]

  subscript(name: String) -> TemplateValue? {
    get { values[name] }
    set {
      if values.updateValue(newValue ?? .null, forKey: name) == nil { names.append(name) }
    }
  }

  func mapping() throws -> TemplateValue {
    try .mapping(names.map { ($0, values[$0] ?? .null) }, names: .template)
  }
}

/// A macro with the scope it was defined in.
struct MacroObject {
  let definition: MacroDefinition
  let scope: Scope
}

/// The state of a `for`.
struct LoopObject {
  let number: Int
  let elements: [TemplateValue]
  /// Counts from 0; -1 before the first element.
  var index = -1
  var lastValues: [TemplateValue]?

  init(number: Int, elements: [TemplateValue]) {
    self.number = number
    self.elements = elements
  }

  var count: Int { elements.count }

  /// The attributes of `loop`; nil for other names.
  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .int(index + 1)
    case "index0": .int(index)
    case "revindex": .int(count - index)
    case "revindex0": .int(count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == count - 1)
    case "length": .int(count)
    case "depth": .int(1)
    case "depth0": .int(0)
    case "previtem":
      elements.indices.contains(index - 1)
        ? elements[index - 1] : .undefined(because: "there is no previous item")
    case "nextitem":
      elements.indices.contains(index + 1)
        ? elements[index + 1] : .undefined(because: "there is no next item")
    default: nil
    }
  }
}

/// `cycler(…)`: its values in turn.
struct CyclerObject {
  let values: [TemplateValue]
  var position = 0

  var current: TemplateValue { values[position] }

  mutating func next() -> TemplateValue {
    defer { position = (position + 1) % values.count }
    return current
  }
}

/// `joiner(…)`: nothing the first time, then the separator.
struct JoinerObject {
  let separator: TemplateValue
  var wasUsed = false
}
