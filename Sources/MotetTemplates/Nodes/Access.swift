/// `value.name`.
struct AttributeAccess: Expression {
  private let value: any Expression
  private let name: String
  private let key: TemplateText
  /// Whether mappings have a method of that name, which comes before a member.
  private let isMappingMethod: Bool
  private let place: TemplatePlace

  init(value: any Expression, name: String, place: TemplatePlace) {
    self.value = value
    self.name = name
    self.place = place
    key = TemplateText(name, .template)
    isMappingMethod = MappingMethods.all[name] != nil || MappingMethods.changing(name) != nil
  }

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let value = try scope.value(of: value)
    scope.rendering.place = place
    if case .mapping(let mapping) = value, !isMappingMethod, let member = mapping[key] { return member }
    return try scope.rendering.attribute(name, of: value)
  }
}

/// `value[key]`.
struct ElementAccess: Expression {
  let value: any Expression
  let key: any Expression
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let value = try scope.value(of: value)
    let key = try scope.value(of: key)
    scope.rendering.place = place
    return try scope.rendering.element(key, of: value)
  }
}

/// `value[start:stop:step]`.
struct Slice: Expression {
  let value: any Expression
  let start: (any Expression)?
  let stop: (any Expression)?
  let step: (any Expression)?
  let place: TemplatePlace

  func evaluate(in scope: Scope) throws -> TemplateValue {
    let value = try scope.value(of: value)
    let bounds = try [start, stop, step].map { bound in
      try bound.flatMap { try integer(try scope.value(of: $0)) }
    }
    scope.rendering.place = place
    return try scope.rendering.slice(value, from: bounds[0], to: bounds[1], by: bounds[2])
  }

  private func integer(_ value: TemplateValue) throws -> Int? {
    if value.isNull { return nil }
    guard let integer = value.integer else {
      throw TemplateProblem.failed("a slice needs integers, not \(value.typeName)")
    }
    return integer
  }
}

extension Rendering {
  /// A part of a string or a list, by Python's rules for slices.
  /// - Throws: ``TemplateProblem`` for a step of 0 and for values without numbered elements
  func slice(
    _ value: TemplateValue, from start: Int?, to stop: Int?, by step: Int?
  ) throws -> TemplateValue {
    let step = step ?? 1
    guard step != 0 else { throw TemplateProblem.failed("the step of a slice is 0") }
    switch value {
    case .undefined(let undefined): throw undefined.problem
    case .text(let text):
      try spend(scanning: text.utf8Count)
      let places = Self.places(from: start, to: stop, by: step, of: text.count)
      guard step != 1 else {
        return try made(text[text.offset(of: places.start)..<text.offset(of: max(places.start, places.end))])
      }
      try spend(texts: text.utf8Count)
      let characters = text.characters
      var result = TemplateText()
      for place in Arithmetic.numbers(from: places.start, to: places.end, by: step) {
        result.append(characters[place])
      }
      result.isSafe = text.isSafe
      return try made(result)
    case .list(let list) where list.hasNumberedElements:
      let places = Self.places(from: start, to: stop, by: step, of: list.count)
      let elements = Arithmetic.numbers(from: places.start, to: places.end, by: step).map {
        list.elements[$0]
      }
      if case .range(let first, _, let distance) = list.kind {
        return .list(
          ListValue(
            range: elements, start: first &+ places.start &* distance, stop: first &+ places.end &* distance,
            step: distance &* step))
      }
      return try made(elements, list.isTuple ? .tuple : .list)
    default: throw TemplateProblem.failed("\(value.typeName) cannot be sliced")
    }
  }

  /// The first place and the one to stop before, within `0..<count` for every place between them.
  private static func places(
    from start: Int?, to stop: Int?, by step: Int, of count: Int
  ) -> (start: Int, end: Int) {
    let (lowest, highest) = step > 0 ? (0, count) : (-1, count - 1)
    func place(_ index: Int?, else other: Int) -> Int {
      guard let index else { return other }
      return min(max(index < 0 ? index.addingReportingOverflow(count).partialValue : index, lowest), highest)
    }
    return step > 0
      ? (place(start, else: 0), place(stop, else: count))
      : (place(start, else: count - 1), place(stop, else: -1))
  }
}
