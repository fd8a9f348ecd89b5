extension Rendering {
  /// Calls a function, a method or a macro.
  /// - Throws: ``TemplateProblem`` for values that cannot be called and for arguments that do not fit
  func call(_ callee: TemplateValue, _ arguments: Arguments) throws -> TemplateValue {
    switch callee {
    case .callable(let callable):
      return try callable.operation(
        callable.receiver.first ?? .null, arguments, named: callable.name, in: self)
    case .object(let object):
      switch object.kind {
      case .macro:
        let macro = macro(object)
        return try macro.definition.call(arguments, in: macro.scope)
      case .joiner:
        return updateJoiner(object) { joiner in
          defer { joiner.wasUsed = true }
          return joiner.wasUsed ? joiner.separator : .text(TemplateText())
        }
      case .loop: throw TemplateProblem.unsupported("calling a loop (recursive loops)")
      case .namespace, .iterator, .cycler: break
      }
    case .undefined(let undefined): throw undefined.problem
    default: break
    }
    throw TemplateProblem.failed("\(callee.typeName) cannot be called")
  }

  /// `value.name`: a method, then a member, then undefined.
  /// - Throws: ``TemplateProblem`` when `value` is undefined
  func attribute(_ name: String, of value: TemplateValue) throws -> TemplateValue {
    if let attribute = try ownAttribute(name, of: value) { return attribute }
    if case .mapping(let mapping) = value, let member = mapping[TemplateText(name, .template)] {
      return member
    }
    return .undefined(Undefined(.attribute(name, of: value.typeName)))
  }

  /// `value[key]`: a member or an element, then a method, then undefined.
  /// - Throws: ``TemplateProblem`` when `value` is undefined
  func element(_ key: TemplateValue, of value: TemplateValue) throws -> TemplateValue {
    switch value {
    case .undefined(let undefined): throw undefined.problem
    case .mapping(let mapping):
      try spend(scanning: key)
      if let member = try? mapping.value(of: key) { return member }
    case .list(let list) where list.hasNumberedElements:
      if let index = key.integer, let place = Self.place(index, of: list.count) {
        return list.elements[place]
      }
    case .text(let text):
      guard let index = key.integer else { break }
      try spend(scanning: text.utf8Count)
      guard let place = Self.place(index, of: text.count) else { break }
      let start = text.offset(of: place)
      return .text(text[start..<text.scalar(at: start).end])
    default: break
    }
    if case .text(let name) = key {
      if let attribute = try ownAttribute(name.string, of: value) { return attribute }
      return .undefined(Undefined(.attribute(name.string, of: value.typeName)))
    }
    return .undefined(Undefined(.element(try key.representation(in: self).string, of: value.typeName)))
  }

  /// Where the element number `index` stands, counted from the end for negative numbers.
  private static func place(_ index: Int, of count: Int) -> Int? {
    let place = index < 0 ? index + count : index
    return (0..<count).contains(place) ? place : nil
  }

  /// What Python's `getattr` finds, without the members of a mapping.
  private func ownAttribute(_ name: String, of value: TemplateValue) throws -> TemplateValue? {
    func method(_ methods: [String: Operation]) throws -> TemplateValue? {
      try methods[name].map { .callable(try Callable(name, $0, of: value)) }
    }
    switch value {
    case .undefined(let undefined): throw undefined.problem
    case .text: return try method(TextMethods.all)
    case .mapping: return try method(MappingMethods.all) ?? MappingMethods.changing(name)
    case .list(let list):
      if list.kind == .group, let index = ["grouper", "list"].firstIndex(of: name) {
        return list.elements[index]
      }
      if case .view = list.kind { return nil }
      return try method(ListMethods.all) ?? (list.kind == .list ? ListMethods.changing(name) : nil)
    case .object(let object): return try ownAttribute(name, of: object, value)
    case .null, .bool, .int, .largeInteger, .float, .callable: return nil
    }
  }

  private func ownAttribute(
    _ name: String, of object: ObjectReference, _ value: TemplateValue
  ) throws -> TemplateValue? {
    switch object.kind {
    case .namespace: return namespace(object)[name]
    case .macro: return name == "name" ? .string(macro(object).definition.name, from: .template) : nil
    case .loop:
      guard let loop = loop(object) else { throw TemplateProblem.failed("the loop has ended") }
      if let attribute = loop.attribute(name) { return attribute }
      return try LoopMethods.all[name].map { .callable(try Callable(name, $0, of: value)) }
    case .cycler:
      if name == "current" { return updateCycler(object) { $0.current } }
      return try CyclerMethods.all[name].map { .callable(try Callable(name, $0, of: value)) }
    case .iterator, .joiner: return nil
    }
  }
}
