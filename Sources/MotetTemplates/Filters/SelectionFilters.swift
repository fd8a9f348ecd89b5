/// Filters that apply a filter or a test to each element.
/// Source: jinja2/filters.py.
enum SelectionFilters {
  /// `map('upper')` applies a filter; `map(attribute='name')` takes an attribute.
  static func map(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    guard value.isTrue(in: rendering) else { return try rendering.makeIterator([]) }
    var arguments = given.all
    if arguments.positional.isEmpty {
      guard let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value else {
        throw TemplateProblem.failed("map needs the name of a filter, or 'attribute'")
      }
      if let other = arguments.named.first(where: { $0.name != "attribute" && $0.name != "default" }) {
        throw TemplateProblem.failed("map takes no argument '\(other.name)'")
      }
      let fallback = arguments.named.first { $0.name == "default" }?.value
      let getter = try AttributeGetter(attribute, default: fallback)
      return try rendering.makeIterator(
        try value.elements(in: rendering).map { try getter.value(of: $0, in: rendering) })
    }
    let name = try name(arguments.positional.removeFirst(), of: "filter")
    return try rendering.makeIterator(
      try value.elements(in: rendering).map { try rendering.applyFilter(name, to: $0, arguments) })
  }

  static func select(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try chosen(from: value, given.all, byAttribute: false, keeps: true, rendering)
  }

  static func reject(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try chosen(from: value, given.all, byAttribute: false, keeps: false, rendering)
  }

  static func selectattr(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    try chosen(from: value, given.all, byAttribute: true, keeps: true, rendering)
  }

  static func rejectattr(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    try chosen(from: value, given.all, byAttribute: true, keeps: false, rendering)
  }

  private static func chosen(
    from value: TemplateValue, _ given: Arguments, byAttribute: Bool, keeps: Bool, _ rendering: Rendering
  ) throws -> TemplateValue {
    guard value.isTrue(in: rendering) else { return try rendering.makeIterator([]) }
    var arguments = given
    var getter = try AttributeGetter(nil)
    if byAttribute {
      guard !arguments.positional.isEmpty else {
        throw TemplateProblem.failed("the name of an attribute is missing")
      }
      getter = try AttributeGetter(arguments.positional.removeFirst())
    }
    let test = try arguments.positional.isEmpty ? nil : name(arguments.positional.removeFirst(), of: "test")
    return try rendering.makeIterator(
      try value.elements(in: rendering).filter { element in
        let tested = try getter.value(of: element, in: rendering)
        let holds =
          try test.map { try rendering.applyTest($0, to: tested, arguments) } ?? tested.isTrue(in: rendering)
        try rendering.spend(1)
        return holds == keeps
      })
  }

  private static func name(_ value: TemplateValue, of what: String) throws -> String {
    guard case .text(let name) = value else {
      throw TemplateProblem.failed("the name of a \(what) must be a string, not \(value.typeName)")
    }
    return name.string
  }
}
