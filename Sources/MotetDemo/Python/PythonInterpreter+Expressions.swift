/// The value of each kind of expression.
extension PythonInterpreter {
  func value(_ expression: PythonExpression, _ scope: PythonScope) throws -> PythonValue {
    try tick()
    switch expression {
    case .constant(let value): return value
    case .name(let name):
      if let value = scope.find(name) { return value }
      guard PythonBuiltins.names.contains(name) else {
        throw PythonError.runtime("name '\(name)' is unknown")
      }
      return .builtin(name)
    case .formatted(let pieces): return .string(try pieces.map { try text($0, scope) }.joined())
    case .list(let items): return .list(PythonList(try spread(items, scope)))
    case .tuple(let items): return .tuple(try spread(items, scope))
    case .set(let items): return .set(try PythonDictionary.of(try spread(items, scope)))
    case .dictionary(let pairs):
      let result = PythonDictionary()
      for (key, item) in pairs { try result.set(try value(key, scope), try value(item, scope)) }
      return .dictionary(result)
    case .comprehension(let comprehension): return try collect(comprehension, scope)
    case .unary(let operation, let operand):
      return try PythonOperators.unary(operation, try value(operand, scope))
    case .binary(let operation, let left, let right):
      return try PythonOperators.binary(operation, try value(left, scope), try value(right, scope))
    case .and(let left, let right):
      let first = try value(left, scope)
      return first.isTrue ? try value(right, scope) : first
    case .or(let left, let right):
      let first = try value(left, scope)
      return first.isTrue ? first : try value(right, scope)
    case .compare(let first, let rest):
      var left = try value(first, scope)
      for (operation, operand) in rest {
        let right = try value(operand, scope)
        guard try PythonOperators.compare(operation, left, right) else { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .conditional(let yes, let test, let otherwise):
      return try value(try value(test, scope).isTrue ? yes : otherwise, scope)
    case .attribute(let base, let name):
      let receiver = try value(base, scope)
      if case .module(let module) = receiver { return try PythonModules.member(name, of: module) }
      return .method(receiver, name)
    case .element(let base, let index): return try element(try value(base, scope), index, scope)
    case .slice: throw PythonError.syntax("a slice stands alone")
    case .call(let callee, let arguments): return try call(callee, arguments, scope)
    case .lambda(let syntax): return try closure(syntax, scope)
    case .starred: throw PythonError.syntax("a star stands alone")
    case .assigned(let name, let expression):
      let result = try value(expression, scope)
      scope.names[name] = result
      return result
    }
  }

  private func text(_ piece: PythonPiece, _ scope: PythonScope) throws -> String {
    switch piece {
    case .text(let text): return text
    case .value(let expression, let conversion, let format):
      var result = try value(expression, scope)
      if conversion == "r" { result = .string(PythonFormat.repr(result)) }
      return format.isEmpty ? PythonFormat.string(result) : try PythonFormat.apply(format, to: result)
    }
  }

  /// Values of a display or of arguments, with `*items` opened.
  private func spread(_ expressions: [PythonExpression], _ scope: PythonScope) throws -> [PythonValue] {
    var result: [PythonValue] = []
    for expression in expressions {
      if case .starred(let inner) = expression {
        result += try items(of: try value(inner, scope))
      } else {
        result.append(try value(expression, scope))
      }
    }
    return result
  }

  private func collect(_ comprehension: PythonComprehension, _ scope: PythonScope) throws -> PythonValue {
    let inner = PythonScope(outer: scope)
    var found: [PythonValue] = []
    let entries = PythonDictionary()
    func walk(_ clauses: ArraySlice<PythonComprehension.Clause>) throws {
      guard let clause = clauses.first else {
        let element = try value(comprehension.element, inner)
        if let item = comprehension.value {
          try entries.set(element, try value(item, inner))
        } else {
          found.append(element)
        }
        return
      }
      for item in try items(of: try value(clause.source, inner)) {
        try tick()
        try bind(clause.target, item, inner)
        if try clause.conditions.allSatisfy({ try value($0, inner).isTrue }) { try walk(clauses.dropFirst()) }
      }
    }
    try walk(comprehension.clauses[...])
    switch comprehension.kind {
    case .list: return .list(PythonList(found))
    case .set: return .set(try PythonDictionary.of(found))
    case .generator: return .iterator(PythonIterator(found))
    case .dictionary: return .dictionary(entries)
    }
  }

  private func element(_ base: PythonValue, _ index: PythonExpression, _ scope: PythonScope) throws
    -> PythonValue
  {
    if case .slice(let start, let stop, let step) = index {
      let bounds = try [start, stop, step].map { try $0.map { try value($0, scope) } }
      return try PythonSlices.slice(base, bounds[0], bounds[1], bounds[2])
    }
    let key = try value(index, scope)
    if case .dictionary(let entries) = base {
      guard let found = try entries.get(key) else { throw PythonError.runtime("no such key") }
      return found
    }
    return try PythonSlices.element(base, key)
  }

  private func call(_ callee: PythonExpression, _ arguments: [PythonArgument], _ scope: PythonScope) throws
    -> PythonValue
  {
    let function = try value(callee, scope)
    var named: [String: PythonValue] = [:]
    for argument in arguments {
      if let name = argument.name { named[name] = try value(argument.value, scope) }
    }
    let values = try spread(arguments.filter { $0.name == nil }.map(\.value), scope)
    return try apply(function, values, named: named)
  }

  func apply(_ function: PythonValue, _ arguments: [PythonValue], named: [String: PythonValue] = [:]) throws
    -> PythonValue
  {
    switch function {
    case .function(let function): return try call(function, arguments, named: named)
    case .builtin(let name): return try PythonBuiltins.call(name, arguments, named, self)
    case .method(let receiver, let name):
      return try PythonMethods.call(name, of: receiver, arguments, named, self)
    default: throw PythonError.runtime("'\(function.typeName)' is not callable")
    }
  }

  /// What a `for` would see, one after the other.
  func items(of value: PythonValue) throws -> [PythonValue] {
    switch value {
    case .list(let list): return list.items
    case .tuple(let items): return items
    case .string(let text): return text.map { .string(String($0)) }
    case .dictionary(let entries), .set(let entries): return entries.keys
    case .range(let start, let stop, let step):
      let items = stride(from: start, to: stop, by: step)
      try PythonOperators.checkSize((stop - start) / step)
      return items.map { .int($0) }
    case .iterator(let iterator):
      let items = Array(iterator.rest)
      iterator.rest = []
      return items
    default: throw PythonError.runtime("'\(value.typeName)' cannot be walked through")
    }
  }
}
