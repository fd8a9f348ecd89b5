/// The functions that every template has, by name.
///
/// To add one, add a line here.
enum Globals {
  static let all: [String: Operation] = [
    "cycler": .variadic(cycler),
    "dict": .variadic { _, given, rendering in .mapping(try mapping(given.all, "dict", rendering)) },
    "joiner": Operation(["sep"]) { _, given, rendering in
      try rendering.makeJoiner(JoinerObject(separator: given[0] ?? .string(", ")))
    },
    "namespace": .variadic(Namespaces.make),
    "raise_exception": Operation(["message"], required: 1) { _, given, rendering in
      throw TemplateProblem.raised(try given[0]?.text(in: rendering).string ?? "")
    },
    "range": Operation(["start", "stop", "step"], required: 1, range),
    "strftime_now": Operation(["format"], required: 1) { _, given, rendering in
      let format = try given.text(0)?.string ?? ""
      return .string(try DateFormat(format).text(of: rendering.now), from: .template)
    },
  ]

  private static func range(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    for index in 0..<3 {
      if let bound = given[index], bound.integer == nil { _ = try given.int(index) }
      if given[index]?.isNull == true { throw TemplateProblem.failed("range needs integers, not none") }
    }
    let first = try given.int(0) ?? 0
    let (start, stop) = try given.int(1).map { (first, $0) } ?? (0, first)
    let step = try given.int(2) ?? 1
    guard step != 0 else { throw TemplateProblem.failed("the step of range is 0") }
    let distance =
      step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
    let width = step.magnitude
    if start < stop ? step > 0 : start > stop && step < 0 {
      guard !distance.overflow, (UInt(distance.partialValue) - 1) / width < UInt(TemplateLimits.range) else {
        throw TemplateProblem.limit("a range has more than \(TemplateLimits.range) numbers")
      }
    }
    let numbers = Arithmetic.numbers(from: start, to: stop, by: step).map { TemplateValue.int($0) }
    try rendering.spend(elements: numbers.count)
    return .list(ListValue(range: numbers, start: start, stop: stop, step: step))
  }

  private static func cycler(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    guard given.all.named.isEmpty, !given.all.positional.isEmpty else {
      throw TemplateProblem.failed("cycler needs at least one value")
    }
    return try rendering.makeCycler(CyclerObject(values: given.all.positional))
  }

  /// What Python's `dict` makes: of a mapping or of pairs, and of names.
  static func mapping(_ arguments: Arguments, _ function: String, _ rendering: Rendering) throws
    -> MappingValue
  {
    guard arguments.positional.count <= 1 else {
      throw TemplateProblem.failed("\(function) takes at most one value, besides names")
    }
    var members: [(TemplateValue, TemplateValue)] = []
    switch arguments.positional.first {
    case nil: break
    case .mapping(let mapping)?: members = Array(zip(mapping.keys, mapping.values))
    case let pairs?:
      members = try pairs.elements(in: rendering).map { pair in
        let parts = try pair.elements(in: rendering)
        guard parts.count == 2 else {
          throw TemplateProblem.failed("\(function) needs pairs, not \(parts.count) values")
        }
        return (parts[0], parts[1])
      }
    }
    members += arguments.named.map { (.string($0.name, from: .template), $0.value) }
    try rendering.spend(elements: 2 * members.count)
    for (key, _) in members { try rendering.spend(scanning: key) }
    return try MappingValue(members)
  }
}

/// `namespace(…)`: attributes that can be set, also from within loops.
enum Namespaces {
  static func make(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    var namespace = NamespaceObject()
    let members = try Globals.mapping(given.all, "namespace", rendering)
    for (key, value) in zip(members.keys, members.values) {
      let name = try key.text(in: rendering).string
      try check(name)
      namespace[name] = value
    }
    return try rendering.makeNamespace(namespace)
  }

  /// - Throws: ``TemplateProblem`` for names that `transformers` refuses
  static func check(_ name: String) throws {
    guard !name.hasPrefix("_") else {
      throw TemplateProblem.failed(
        "a namespace cannot have the attribute '\(name)': rename it, without the underscore")
    }
  }
}
