/// What can be said of a value without computing anything.
extension TemplateValue {
  /// Python's truth: empty and zero are false.
  func isTrue(in rendering: Rendering) -> Bool {
    switch self {
    case .undefined, .null: false
    case .bool(let bool): bool
    case .int(let int): int != 0
    case .largeInteger: true
    case .float(let float): float != 0
    case .text(let text): !text.isEmpty
    case .list(let list): list.count > 0
    case .mapping(let mapping): mapping.count > 0
    case .object(let object):
      object.kind == .loop ? (rendering.loop(object)?.count ?? 0) > 0 : true
    case .callable: true
    }
  }

  /// The type as error messages name it.
  var typeName: String {
    switch self {
    case .undefined: "an undefined value"
    case .null: "none"
    case .bool: "a boolean"
    case .int, .largeInteger: "an integer"
    case .float: "a float"
    case .text: "a string"
    case .list(let list):
      switch list.kind {
      case .list: "a list"
      case .tuple, .group: "a tuple"
      case .range: "a range"
      case .view(let name): "the \(name) of a mapping"
      }
    case .mapping: "a mapping"
    case .object(let object):
      switch object.kind {
      case .namespace: "a namespace"
      case .macro: "a macro"
      case .iterator: "an iterator"
      case .loop: "a loop"
      case .cycler: "a cycler"
      case .joiner: "a joiner"
      }
    case .callable(let callable): "the function \(callable.name)"
    }
  }

  var isCallable: Bool {
    switch self {
    // Python's `callable` takes a method for granted: an undefined value and a loop have `__call__`.
    case .callable, .undefined: true
    case .object(let object): object.kind == .macro || object.kind == .loop || object.kind == .joiner
    default: false
    }
  }

  /// Whether it has a length and elements by key or number.
  var isSequence: Bool {
    switch self {
    case .text, .mapping, .undefined: true
    case .list(let list): list.hasNumberedElements
    default: false
    }
  }

  var isIterable: Bool {
    switch self {
    case .text, .mapping, .list, .undefined: true
    case .object(let object): object.kind == .iterator || object.kind == .loop
    default: false
    }
  }

  /// The number of elements or characters.
  func length(in rendering: Rendering) throws -> Int {
    switch self {
    case .undefined: return 0
    case .text(let text):
      try rendering.spend(scanning: text.utf8Count)
      return text.count
    case .list(let list): return list.count
    case .mapping(let mapping): return mapping.count
    case .object(let object) where object.kind == .loop: return rendering.loop(object)?.count ?? 0
    default: throw TemplateProblem.failed("\(typeName) has no length")
    }
  }

  /// What a `for` goes through. An iterator is empty afterwards.
  func elements(in rendering: Rendering) throws -> [TemplateValue] {
    switch self {
    case .undefined: return []
    case .text(let text):
      try rendering.spend(texts: text.utf8Count)
      return text.characters.map { .text($0) }
    case .list(let list): return list.elements
    case .mapping(let mapping): return mapping.keys
    case .object(let object) where object.kind == .iterator: return rendering.takeElements(of: object)
    default: throw TemplateProblem.failed("\(typeName) cannot be iterated")
    }
  }
}
