/// Runs a parsed program: a tree walker with a budget of steps, for answers of unknown quality.
///
/// A program can neither hang (steps), nor exhaust the stack (depth of calls), nor memory (sizes), nor touch
/// anything outside: there are no files, no input and no real imports. What it prints is dropped.
final class PythonInterpreter {
  let globals = PythonScope(outer: nil)
  private(set) var steps = 0
  private let budget: Int
  private var depth = 0

  /// More elements than any honest answer needs.
  static let largestSize = 100_000

  init(stepLimit: Int = 50_000) {
    budget = stepLimit
  }

  /// What a statement leads to.
  enum Flow {
    case next, leave, again
    case result(PythonValue)
  }

  func tick() throws {
    steps += 1
    if steps > budget { throw PythonError.tooManySteps }
  }

  /// Runs the program's outermost statements. One that fails is passed over: a broken example under a good
  /// function does not make the function wrong.
  func load(_ program: [PythonStatement]) {
    for statement in program {
      steps = 0
      _ = try? run([statement], globals)
    }
    steps = 0
  }

  /// Gives the next run the whole budget of steps again.
  func restart() {
    steps = 0
  }

  /// The functions defined at the outermost level, by name.
  var functions: [String: PythonFunction] {
    globals.names.compactMapValues { if case .function(let function) = $0 { function } else { nil } }
  }

  func evaluate(_ source: String) throws -> PythonValue {
    var parser = PythonParser(tokens: try PythonLexer.tokens(of: source))
    return try value(try parser.expressions(), globals)
  }

  func call(_ function: PythonFunction, _ arguments: [PythonValue], named: [String: PythonValue] = [:]) throws
    -> PythonValue
  {
    try tick()
    guard depth < 64 else { throw PythonError.runtime("recursion too deep") }
    depth += 1
    defer { depth -= 1 }
    let scope = PythonScope(outer: function.scope)
    var rest = arguments[...]
    var named = named
    for parameter in function.syntax.parameters {
      if parameter.gathers {
        scope.names[parameter.name] = .tuple(Array(rest))
        rest = []
      } else if let value = rest.popFirst() ?? named.removeValue(forKey: parameter.name)
        ?? function.defaults[parameter.name]
      {
        scope.names[parameter.name] = value
      } else {
        throw PythonError.runtime("missing argument '\(parameter.name)'")
      }
    }
    guard rest.isEmpty, named.isEmpty else { throw PythonError.runtime("too many arguments") }
    if case .result(let value) = try run(function.syntax.body, scope) { return value }
    return .none
  }

  func run(_ statements: [PythonStatement], _ scope: PythonScope) throws -> Flow {
    for statement in statements {
      try tick()
      let flow = try run(statement, scope)
      guard case .next = flow else { return flow }
    }
    return .next
  }

  private func run(_ statement: PythonStatement, _ scope: PythonScope) throws -> Flow {
    switch statement {
    case .expression(let expression): _ = try value(expression, scope)
    case .assign(let targets, let expression):
      let result = try value(expression, scope)
      for target in targets { try bind(target, result, scope) }
    case .augmented(let target, let operation, let expression):
      try augment(target, operation, try value(expression, scope), scope)
    case .if(let branches, let otherwise):
      for (test, body) in branches where try value(test, scope).isTrue { return try run(body, scope) }
      return try run(otherwise, scope)
    case .while(let test, let body, let otherwise):
      while try value(test, scope).isTrue {
        try tick()
        switch try run(body, scope) {
        case .leave: return .next
        case .result(let value): return .result(value)
        case .next, .again: continue
        }
      }
      return try run(otherwise, scope)
    case .for(let target, let source, let body, let otherwise):
      for item in try items(of: try value(source, scope)) {
        try tick()
        try bind(target, item, scope)
        switch try run(body, scope) {
        case .leave: return .next
        case .result(let value): return .result(value)
        case .next, .again: continue
        }
      }
      return try run(otherwise, scope)
    case .define(let syntax): scope.names[syntax.name] = try closure(syntax, scope)
    case .return(let expression):
      return .result(try expression.map { try value($0, scope) } ?? .none)
    case .try(let body, let handlers, let finally): return try attempt(body, handlers, finally, scope)
    case .raise: throw PythonError.runtime("an exception was raised")
    case .pass: break
    case .break: return .leave
    case .continue: return .again
    case .delete(let target): try delete(target, scope)
    case .assert(let test):
      guard try value(test, scope).isTrue else { throw PythonError.runtime("assertion failed") }
    case .bring(let module, let name, let alias):
      scope.names[alias] = try name.map { try PythonModules.member($0, of: module) } ?? .module(module)
    }
    return .next
  }

  private func attempt(
    _ body: [PythonStatement], _ handlers: [[PythonStatement]], _ finally: [PythonStatement],
    _ scope: PythonScope
  ) throws -> Flow {
    var flow = Flow.next
    do {
      flow = try run(body, scope)
    } catch PythonError.tooManySteps {
      throw PythonError.tooManySteps
    } catch {
      guard let handler = handlers.first else { throw error }
      flow = try run(handler, scope)
    }
    let last = try run(finally, scope)
    if case .next = last { return flow }
    return last
  }

  func closure(_ syntax: PythonFunctionSyntax, _ scope: PythonScope) throws -> PythonValue {
    var defaults: [String: PythonValue] = [:]
    for parameter in syntax.parameters {
      if let fallback = parameter.fallback { defaults[parameter.name] = try value(fallback, scope) }
    }
    return .function(PythonFunction(syntax: syntax, defaults: defaults, scope: scope))
  }

  /// Gives names (or list places, or several at once) their value.
  func bind(_ target: PythonExpression, _ value: PythonValue, _ scope: PythonScope) throws {
    switch target {
    case .name(let name): scope.names[name] = value
    case .tuple(let targets), .list(let targets):
      let items = try items(of: value)
      let star = targets.firstIndex { if case .starred = $0 { true } else { false } }
      guard let star else {
        guard items.count == targets.count else { throw PythonError.runtime("wrong number of values") }
        for (target, item) in zip(targets, items) { try bind(target, item, scope) }
        return
      }
      let after = targets.count - star - 1
      guard items.count >= targets.count - 1, case .starred(let middle) = targets[star] else {
        throw PythonError.runtime("not enough values")
      }
      for (target, item) in zip(targets[..<star], items) { try bind(target, item, scope) }
      try bind(middle, .list(PythonList(Array(items[star..<(items.count - after)]))), scope)
      for (target, item) in zip(targets.suffix(after), items.suffix(after)) { try bind(target, item, scope) }
    case .element(let base, let index): try store(value, in: base, at: index, scope)
    default: throw PythonError.runtime("cannot assign to that")
    }
  }

  private func augment(
    _ target: PythonExpression, _ operation: String, _ right: PythonValue, _ scope: PythonScope
  ) throws {
    if case .name(let name) = target, scope.names[name] == nil {
      throw PythonError.runtime("'\(name)' has no value yet")
    }
    let left = try value(target, scope)
    if operation == "+", case .list(let list) = left {
      list.items += try items(of: right)
      try PythonOperators.checkSize(list.items.count)
    } else {
      try bind(target, try PythonOperators.binary(operation, left, right), scope)
    }
  }

  private func store(
    _ item: PythonValue, in base: PythonExpression, at index: PythonExpression, _ scope: PythonScope
  ) throws {
    switch try value(base, scope) {
    case .list(let list):
      if case .slice(let start, let stop, nil) = index {
        let range = try PythonSlices.range(
          try start.map { try value($0, scope) }, try stop.map { try value($0, scope) }, list.items.count)
        list.items.replaceSubrange(range, with: try items(of: item))
      } else {
        list.items[try PythonSlices.index(try value(index, scope), list.items.count)] = item
      }
    case .dictionary(let entries): try entries.set(try value(index, scope), item)
    case let other: throw PythonError.runtime("'\(other.typeName)' has no places to assign to")
    }
  }

  private func delete(_ target: PythonExpression, _ scope: PythonScope) throws {
    switch target {
    case .name(let name): scope.names[name] = nil
    case .element(let base, let index):
      switch try value(base, scope) {
      case .list(let list):
        list.items.remove(at: try PythonSlices.index(try value(index, scope), list.items.count))
      case .dictionary(let entries):
        guard try entries.remove(try value(index, scope)) != nil else {
          throw PythonError.runtime("no such key")
        }
      default: throw PythonError.runtime("cannot delete that")
      }
    default: throw PythonError.runtime("cannot delete that")
    }
  }
}
