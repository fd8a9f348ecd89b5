/// Filters that order elements or look for equal ones.
/// Source: jinja2/filters.py.
enum SortingFilters {
  static func sort(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let getters = try AttributeGetter.several(given.some(2))
    let ignoresCase = !given.isTrue(1, in: rendering)
    let keyed = try value.elements(in: rendering).map { element in
      let keys = try getters.map {
        try $0.value(of: element, in: rendering).ignoringCase(ignoresCase, in: rendering)
      }
      return (key: TemplateValue.list(try ListValue(keys)), element: element)
    }
    let isReversed = given.isTrue(0, in: rendering)
    return try rendering.made(try sorted(keyed, isReversed: isReversed, rendering).map(\.element))
  }

  static func dictsort(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue
  {
    guard case .mapping(let mapping) = value else {
      if case .undefined(let undefined) = value { throw undefined.problem }
      throw TemplateProblem.failed("dictsort needs a mapping, not \(value.typeName)")
    }
    let by = try given.text(1)?.string ?? "key"
    guard by == "key" || by == "value" else {
      throw TemplateProblem.failed("dictsort sorts by 'key' or 'value', not by '\(by)'")
    }
    let ignoresCase = !given.isTrue(0, in: rendering)
    try rendering.spend(elements: 2 * mapping.count)
    let keyed = try zip(try mapping.pairs(), by == "key" ? mapping.keys : mapping.values).map { pair, key in
      (key: try key.ignoringCase(ignoresCase, in: rendering), element: pair)
    }
    let isReversed = given.isTrue(2, in: rendering)
    return try rendering.made(try sorted(keyed, isReversed: isReversed, rendering).map(\.element))
  }

  static func groupby(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue
  {
    let getter = try AttributeGetter(given[0], default: given.some(1))
    let ignoresCase = !given.isTrue(2, in: rendering)
    let keyed = try value.elements(in: rendering).map { element in
      let key = try getter.value(of: element, in: rendering).ignoringCase(ignoresCase, in: rendering)
      return (key: key, element: element)
    }
    var groups: [(key: TemplateValue, elements: [TemplateValue])] = []
    for (key, element) in try sorted(keyed, isReversed: false, rendering) {
      if let last = groups.last, try last.key.equals(key, in: rendering) {
        groups[groups.count - 1].elements.append(element)
      } else {
        groups.append((key, [element]))
      }
    }
    return try rendering.made(
      try groups.map { group in
        let key = try getter.value(of: group.elements[0], in: rendering)
        return try rendering.made([key, try rendering.made(group.elements)], .group)
      })
  }

  static func unique(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let ignoresCase = !given.isTrue(0, in: rendering)
    let getter = try AttributeGetter(given.some(1))
    var seen: Set<MappingKey> = []
    let kept = try value.elements(in: rendering).filter { element in
      let key = try getter.value(of: element, in: rendering).ignoringCase(ignoresCase, in: rendering)
      try rendering.spend(1)
      try rendering.spend(scanning: key)
      return seen.insert(try MappingKey(key)).inserted
    }
    return try rendering.makeIterator(kept)
  }

  static func min(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try extreme(of: value, given, rendering) { try $0.isBefore($1, in: rendering) }
  }

  static func max(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try extreme(of: value, given, rendering) { try $1.isBefore($0, in: rendering) }
  }

  private static func extreme(
    of value: TemplateValue, _ given: Given, _ rendering: Rendering,
    _ isBetter: (TemplateValue, TemplateValue) throws -> Bool
  ) throws -> TemplateValue {
    let ignoresCase = !given.isTrue(0, in: rendering)
    let getter = try AttributeGetter(given.some(1))
    var best: (key: TemplateValue, element: TemplateValue)?
    for element in try value.elements(in: rendering) {
      let key = try getter.value(of: element, in: rendering).ignoringCase(ignoresCase, in: rendering)
      if let best, try !isBetter(key, best.key) { continue }
      best = (key, element)
    }
    return best?.element ?? .undefined(because: "there is no element to choose from")
  }

  private static func sorted(
    _ keyed: [(key: TemplateValue, element: TemplateValue)], isReversed: Bool, _ rendering: Rendering
  ) throws -> [(key: TemplateValue, element: TemplateValue)] {
    try rendering.sorted(keyed) { left, right in
      isReversed
        ? try right.key.isBefore(left.key, in: rendering) : try left.key.isBefore(right.key, in: rendering)
    }
  }
}
