/// Filters that take or make collections.
/// Source: jinja2/filters.py.
enum ListFilters {
  static func length(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    .int(try value.length(in: rendering))
  }

  static func list(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try rendering.made(try value.elements(in: rendering))
  }

  static func items(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    switch value {
    case .undefined: return try rendering.makeIterator([])
    case .mapping(let mapping):
      try rendering.spend(elements: 2 * mapping.count)
      return try rendering.makeIterator(try mapping.pairs())
    default: throw TemplateProblem.failed("items needs a mapping, not \(value.typeName)")
    }
  }

  static func first(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    if case .object(let object) = value, object.kind == .iterator {
      return rendering.takeFirst(of: object) ?? .undefined(because: "there is no first element")
    }
    return try value.elements(in: rendering).first ?? .undefined(because: "there is no first element")
  }

  static func last(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    if case .object = value {
      throw TemplateProblem.failed("last needs a list, not \(value.typeName): put '| list' before it")
    }
    return try value.elements(in: rendering).last ?? .undefined(because: "there is no last element")
  }

  static func join(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let separator = try given[0]?.text(in: rendering) ?? TemplateText()
    let getter = try AttributeGetter(given.some(1))
    var result = TemplateText()
    for (index, element) in try value.elements(in: rendering).enumerated() {
      if index > 0 { result.append(separator) }
      result.append(try getter.value(of: element, in: rendering).text(in: rendering))
      try rendering.limits.check(text: result.utf8Count)
      try rendering.spend(1)
    }
    result.isSafe = false
    return try rendering.made(result)
  }

  static func reverse(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue
  {
    switch value {
    case .text: return try rendering.slice(value, from: nil, to: nil, by: -1)
    case .list, .mapping: return try rendering.makeIterator(try value.elements(in: rendering).reversed())
    default: return try rendering.made(try value.elements(in: rendering).reversed())
    }
  }

  static func defaultValue(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    let isMissing = value.isUndefined || given.isTrue(1, in: rendering) && !value.isTrue(in: rendering)
    return isMissing ? given[0] ?? .text(TemplateText()) : value
  }

  static func attr(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let name = try given.text(0)?.string ?? ""
    if case .undefined(let undefined) = value { throw undefined.problem }
    let attribute = try rendering.attribute(name, of: value)
    // A member of a mapping is no attribute.
    if case .mapping = value, case .callable = attribute { return attribute }
    if case .mapping = value { return .undefined(Undefined(.attribute(name, of: value.typeName))) }
    return attribute
  }

  /// Rows of at most `linecount` elements.
  static func batch(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let count = try given.int(0) ?? 0
    let fill = given.some(1)
    let elements = try value.elements(in: rendering)
    var rows: [TemplateValue] = []
    var row: [TemplateValue] = []
    for element in elements {
      if row.count == count {
        rows.append(try rendering.made(row))
        row = []
      }
      row.append(element)
    }
    if !row.isEmpty {
      if let fill, row.count < count {
        try rendering.spend(elements: count)
        row += Array(repeating: fill, count: count - row.count)
      }
      rows.append(try rendering.made(row))
    }
    return try rendering.makeIterator(rows)
  }

  /// As many columns as `slices` says.
  static func slice(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let slices = try given.int(0) ?? 0
    let fill = given.some(1)
    let elements = try value.elements(in: rendering)
    guard slices != 0 else { throw Arithmetic.zeroDivision }
    guard slices > 0 else { return try rendering.makeIterator([]) }
    try rendering.spend(elements: slices)
    let (each, longer) = elements.count.quotientAndRemainder(dividingBy: slices)
    var start = 0
    var columns: [TemplateValue] = []
    for number in 0..<slices {
      let end = start + each + (number < longer ? 1 : 0)
      var column = Array(elements[start..<end])
      if let fill, number >= longer { column.append(fill) }
      columns.append(try rendering.made(column))
      start = end
    }
    return try rendering.makeIterator(columns)
  }
}
