/// Equality, order and membership, as Python has them.
extension TemplateValue {
  func equals(_ other: TemplateValue, in rendering: Rendering) throws -> Bool {
    try rendering.spend(1)
    switch (self, other) {
    case (.text(let left), .text(let right)):
      try rendering.spend(scanning: min(left.utf8Count, right.utf8Count))
      return left == right
    case (.null, .null), (.undefined, .undefined): return true
    case (.int(let left), .int(let right)): return left == right
    case (.largeInteger(let left), .largeInteger(let right)): return left == right
    case (.bool(let left), .bool(let right)): return left == right
    case (.list(let left), .list(let right)):
      guard left.kind.isComparable(with: right.kind), left.count == right.count else { return false }
      return try zip(left.elements, right.elements).allSatisfy { try $0.equals($1, in: rendering) }
    case (.mapping(let left), .mapping(let right)):
      guard left.count == right.count else { return false }
      return try left.keys.indices.allSatisfy { index in
        try rendering.spend(scanning: left.keys[index])
        guard let value = try right.value(of: left.keys[index]) else { return false }
        return try left.values[index].equals(value, in: rendering)
      }
    case (.object(let left), .object(let right)): return left == right
    case (.callable(let left), .callable(let right)):
      return left.name == right.name && left.receiver.isEmpty && right.receiver.isEmpty
    default:
      guard let left = number, let right = other.number else { return false }
      return left == right
    }
  }

  /// Whether it comes before `other`, or with `orEqual` is the same.
  /// - Throws: ``TemplateProblem`` for values without an order
  func isBefore(_ other: TemplateValue, orEqual: Bool = false, in rendering: Rendering) throws -> Bool {
    try rendering.spend(1)
    switch (self, other) {
    case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.problem
    case (.int(let left), .int(let right)): return orEqual ? left <= right : left < right
    case (.text(let left), .text(let right)):
      try rendering.spend(scanning: min(left.utf8Count, right.utf8Count))
      return orEqual
        ? !TemplateText.isOrdered(right, before: left) : TemplateText.isOrdered(left, before: right)
    case (.list(let left), .list(let right))
    where left.kind.isComparable(with: right.kind) && (left.isTuple || left.kind == .list):
      for (own, others) in zip(left.elements, right.elements) where try !own.equals(others, in: rendering) {
        return try own.isBefore(others, orEqual: orEqual, in: rendering)
      }
      return orEqual ? left.count <= right.count : left.count < right.count
    default:
      guard let left = number, let right = other.number else {
        throw TemplateProblem.failed("\(typeName) cannot be compared with \(other.typeName)")
      }
      return orEqual ? left <= right : left < right
    }
  }

  /// Whether `element in self`.
  /// - Throws: ``TemplateProblem`` for values that hold nothing
  func contains(_ element: TemplateValue, in rendering: Rendering) throws -> Bool {
    switch self {
    case .text(let text):
      guard case .text(let part) = element else {
        if case .undefined(let undefined) = element { throw undefined.problem }
        throw TemplateProblem.failed("only a string can be in a string, not \(element.typeName)")
      }
      try rendering.spend(scanning: text.utf8Count + part.utf8Count)
      return part.isEmpty || text.firstRange(of: part, in: 0..<text.utf8Count) != nil
    case .mapping(let mapping):
      try rendering.spend(scanning: element)
      return try mapping.value(of: element) != nil
    default:
      return try elements(in: rendering).contains { try $0.equals(element, in: rendering) }
    }
  }
}

extension ListValue.Kind {
  /// Whether two collections can be equal: lists with lists, tuples with tuples.
  fileprivate func isComparable(with other: ListValue.Kind) -> Bool {
    switch (self, other) {
    case (.list, .list), (.tuple, .tuple), (.tuple, .group), (.group, .tuple), (.group, .group): true
    case (.range, .range): true
    case (.view(let left), .view(let right)): left == right
    default: false
    }
  }
}
