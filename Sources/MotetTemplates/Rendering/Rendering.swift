import Foundation

/// One rendering of a template: what it has used so far, and the objects it made.
///
/// It is used by one task from its start to its end.
final class Rendering {
  let limits: TemplateLimits
  /// What `strftime_now` tells.
  let now: Date
  /// Where the node stands that is being evaluated, for errors.
  var place = TemplatePlace(line: 1, column: 1)

  private var steps = 0
  private var memory = 0
  private var depth = 0

  private var namespaces: [NamespaceObject] = []
  private var macros: [MacroObject] = []
  private var iterators: [ArraySlice<TemplateValue>] = []
  private var loops: [LoopObject] = []
  private var cyclers: [CyclerObject] = []
  private var joiners: [JoinerObject] = []
  private var loopsBegun = 0

  init(limits: TemplateLimits, now: Date) {
    self.limits = limits
    self.now = now
  }

  /// Lets go of the scopes that macros hold, which hold the rendering.
  func end() { macros.removeAll() }
}

// MARK: - What is used

extension Rendering {
  /// - Throws: ``TemplateProblem`` when the template has taken more steps than it is given
  func spend(_ more: Int) throws {
    guard more <= limits.steps - steps else {
      throw TemplateProblem.limit("the template takes more than \(limits.steps) steps")
    }
    steps += more
  }

  /// - Throws: ``TemplateProblem`` when the template has made more bytes than it is given
  func spend(bytes: Int) throws {
    guard bytes <= limits.memory - memory else {
      throw TemplateProblem.limit("the template makes more than \(limits.memory) bytes")
    }
    memory += bytes
    try spend(bytes >> 5)
  }

  /// Counts bytes that an operation looks at, without making any: one by one, some with the tables of Unicode.
  func spend(scanning bytes: Int) throws { try spend(bytes >> 2) }

  /// Counts the bytes of a string that is looked at as a whole, such as a key; other values are counted where they are.
  func spend(scanning value: TemplateValue) throws {
    if case .text(let text) = value { try spend(scanning: text.utf8Count) }
  }

  /// Counts a string that an operation made.
  func made(_ text: TemplateText) throws -> TemplateValue {
    try limits.check(text: text.utf8Count)
    try spend(bytes: text.utf8Count)
    return .text(text)
  }

  /// Counts a collection that an operation made.
  func made(_ elements: [TemplateValue], _ kind: ListValue.Kind = .list) throws -> TemplateValue {
    try spend(elements: elements.count)
    return .list(try ListValue(elements, kind))
  }

  func made(_ texts: [TemplateText]) throws -> TemplateValue {
    try spend(texts: texts.count)
    try spend(bytes: texts.reduce(0) { $0 + $1.utf8Count })
    return .list(ListValue(texts))
  }

  /// Counts strings of a list, beside their bytes.
  func spend(texts: Int) throws {
    try spend(texts)
    try spend(bytes: Arithmetic.product(texts, 128))
  }

  func spend(elements: Int) throws {
    try spend(elements)
    try spend(bytes: Arithmetic.product(elements, 32))
  }

  /// Calls `body` one level further down.
  /// - Throws: ``TemplateProblem`` when that is deeper than a template is given
  func nested<Result>(_ body: () throws -> Result) throws -> Result {
    try spend(1)
    guard depth < limits.nesting else {
      throw TemplateProblem.limit(
        "expressions, blocks and macro calls are nested more than \(limits.nesting) deep")
    }
    depth += 1
    defer { depth -= 1 }
    return try body()
  }

  /// Sorts stably.
  func sorted<Element>(
    _ elements: [Element], by isBefore: (Element, Element) throws -> Bool
  ) throws -> [Element] {
    try spend(elements: elements.count)
    return try elements.sorted(by: isBefore)
  }
}

// MARK: - Objects

extension Rendering {
  func makeNamespace(_ members: NamespaceObject) throws -> TemplateValue {
    try spend(bytes: 128)
    namespaces.append(members)
    return .object(ObjectReference(kind: .namespace, index: namespaces.count - 1))
  }

  func namespace(_ object: ObjectReference) -> NamespaceObject { namespaces[object.index] }

  func set(_ name: String, of object: ObjectReference, to value: TemplateValue) {
    namespaces[object.index][name] = value
  }

  func makeMacro(_ macro: MacroObject) throws -> TemplateValue {
    try spend(bytes: 128)
    macros.append(macro)
    return .object(ObjectReference(kind: .macro, index: macros.count - 1))
  }

  func macro(_ object: ObjectReference) -> MacroObject { macros[object.index] }

  /// What Python's generators are: elements that can be gone through once.
  func makeIterator(_ elements: [TemplateValue]) throws -> TemplateValue {
    try spend(elements: elements.count)
    try spend(bytes: 64)
    iterators.append(elements[...])
    return .object(ObjectReference(kind: .iterator, index: iterators.count - 1))
  }

  func takeElements(of object: ObjectReference) -> [TemplateValue] {
    defer { iterators[object.index] = [] }
    return Array(iterators[object.index])
  }

  /// The next element, if there is one.
  func takeFirst(of object: ObjectReference) -> TemplateValue? {
    iterators[object.index].popFirst()
  }

  func makeCycler(_ cycler: CyclerObject) throws -> TemplateValue {
    try spend(bytes: 64)
    cyclers.append(cycler)
    return .object(ObjectReference(kind: .cycler, index: cyclers.count - 1))
  }

  func updateCycler<Result>(_ object: ObjectReference, _ body: (inout CyclerObject) -> Result) -> Result {
    body(&cyclers[object.index])
  }

  func makeJoiner(_ joiner: JoinerObject) throws -> TemplateValue {
    try spend(bytes: 64)
    joiners.append(joiner)
    return .object(ObjectReference(kind: .joiner, index: joiners.count - 1))
  }

  func updateJoiner<Result>(_ object: ObjectReference, _ body: (inout JoinerObject) -> Result) -> Result {
    body(&joiners[object.index])
  }

  /// Begins a loop. It is gone after ``endLoop(_:)``, also where a namespace still holds it.
  func beginLoop(over elements: [TemplateValue]) -> ObjectReference {
    loopsBegun += 1
    loops.append(LoopObject(number: loopsBegun, elements: elements))
    return ObjectReference(kind: .loop, index: loopsBegun)
  }

  func advance(_ loop: ObjectReference) { loops[loops.count - 1].index += 1 }

  func endLoop(_ loop: ObjectReference) { loops.removeLast() }

  /// A loop that is running.
  func loop(_ object: ObjectReference) -> LoopObject? { loops.last { $0.number == object.index } }

  /// Sets what ``LoopObject/changed`` compares with.
  func setLastValues(_ values: [TemplateValue], of object: ObjectReference) {
    guard let place = loops.lastIndex(where: { $0.number == object.index }) else { return }
    loops[place].lastValues = values
  }

  /// How an object prints.
  func name(of object: ObjectReference) throws -> String {
    switch object.kind {
    case .namespace:
      let members = namespaces[object.index]
      return try nested { "<Namespace \(try members.mapping().text(in: self).string)>" }
    case .macro: return "<Macro '\(macros[object.index].definition.name)'>"
    case .loop: return loop(object).map { "<LoopContext \($0.index + 1)/\($0.count)>" } ?? "<LoopContext>"
    case .iterator: return "<generator object>"
    case .cycler: return "<Cycler>"
    case .joiner: return "<Joiner>"
    }
  }
}
