/// A value of the running program. Lists, sets, dictionaries and iterators are shared by reference, as in
/// Python.
indirect enum PythonValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case list(PythonList)
  case tuple([PythonValue])
  case dictionary(PythonDictionary)
  case set(PythonDictionary)
  case range(start: Int, stop: Int, step: Int)
  case iterator(PythonIterator)
  case function(PythonFunction)
  /// A function or type that comes with the language, by name.
  case builtin(String)
  case method(PythonValue, String)
  case module(String)
}

final class PythonList {
  var items: [PythonValue]
  init(_ items: [PythonValue]) { self.items = items }
}

/// What is left of an iteration. Generators are run to their end when they are made.
final class PythonIterator {
  var rest: ArraySlice<PythonValue>
  init(_ items: [PythonValue]) { rest = items[...] }
}

/// A dictionary that keeps its order; a set is one whose values do not matter.
final class PythonDictionary {
  private(set) var order: [String] = []
  private var entries: [String: (key: PythonValue, value: PythonValue)] = [:]

  var count: Int { order.count }
  var keys: [PythonValue] { order.compactMap { entries[$0]?.key } }
  var pairs: [(PythonValue, PythonValue)] { order.compactMap { entries[$0] }.map { ($0.key, $0.value) } }

  func get(_ key: PythonValue) throws -> PythonValue? { entries[try key.hashKey()]?.value }

  func set(_ key: PythonValue, _ value: PythonValue) throws {
    let hash = try key.hashKey()
    if let old = entries[hash] {
      entries[hash] = (old.key, value)
    } else {
      order.append(hash)
      entries[hash] = (key, value)
    }
  }

  @discardableResult
  func remove(_ key: PythonValue) throws -> PythonValue? {
    let hash = try key.hashKey()
    order.removeAll { $0 == hash }
    return entries.removeValue(forKey: hash)?.value
  }

  func removeAll() {
    order = []
    entries = [:]
  }

  static func of(_ keys: [PythonValue]) throws -> PythonDictionary {
    let result = PythonDictionary()
    for key in keys { try result.set(key, .none) }
    return result
  }

  func copy() -> PythonDictionary {
    let result = PythonDictionary()
    result.order = order
    result.entries = entries
    return result
  }
}

final class PythonFunction {
  let syntax: PythonFunctionSyntax
  let defaults: [String: PythonValue]
  let scope: PythonScope

  init(syntax: PythonFunctionSyntax, defaults: [String: PythonValue], scope: PythonScope) {
    self.syntax = syntax
    self.defaults = defaults
    self.scope = scope
  }
}

/// The names of one function call or comprehension; reads go outward, writes stay.
final class PythonScope {
  var names: [String: PythonValue] = [:]
  let outer: PythonScope?

  init(outer: PythonScope?) { self.outer = outer }

  func find(_ name: String) -> PythonValue? {
    var scope: PythonScope? = self
    while let current = scope {
      if let value = current.names[name] { return value }
      scope = current.outer
    }
    return nil
  }
}

extension PythonValue {
  /// Levels of nesting that comparison and writing follow.
  static let deepest = 50

  var typeName: String {
    switch self {
    case .none: "NoneType"
    case .bool: "bool"
    case .int: "int"
    case .float: "float"
    case .string: "str"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .set: "set"
    case .range: "range"
    case .iterator: "iterator"
    case .function, .builtin, .method: "function"
    case .module: "module"
    }
  }

  var isTrue: Bool {
    switch self {
    case .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .float(let value): value != 0
    case .string(let text): !text.isEmpty
    case .list(let list): !list.items.isEmpty
    case .tuple(let items): !items.isEmpty
    case .dictionary(let entries), .set(let entries): entries.count > 0
    case .range(let start, let stop, let step): step > 0 ? start < stop : start > stop
    default: true
    }
  }

  /// Booleans count as numbers.
  var asInt: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var asDouble: Double? {
    if case .float(let value) = self { return value }
    return asInt.map(Double.init)
  }

  /// Equal values have equal keys, across bool, int and float.
  func hashKey(depth: Int = 0) throws -> String {
    guard depth < Self.deepest else { throw PythonError.runtime("nested too deeply") }
    if let number = asDouble { return "n\(number)" }
    switch self {
    case .none: return "none"
    case .string(let text): return "s" + text
    case .tuple(let items):
      return "(" + (try items.map { try $0.hashKey(depth: depth + 1) }).joined(separator: "\u{1}") + ")"
    case .builtin(let name): return "b" + name
    default: throw PythonError.runtime("unhashable type: '\(typeName)'")
    }
  }

  /// Lists nested deeper than `deepest` (they may hold themselves) equal nothing.
  func equals(_ other: PythonValue, depth: Int = 0) -> Bool {
    guard depth < Self.deepest else { return false }
    if let a = asInt, let b = other.asInt { return a == b }
    if let a = asDouble, let b = other.asDouble { return a == b }
    switch (self, other) {
    case (.none, .none): return true
    case (.string(let a), .string(let b)): return a == b
    case (.list(let a), .list(let b)): return Self.equal(a.items, b.items, depth)
    case (.tuple(let a), .tuple(let b)): return Self.equal(a, b, depth)
    case (.set(let a), .set(let b)): return Set(a.order) == Set(b.order)
    case (.dictionary(let a), .dictionary(let b)):
      guard a.count == b.count else { return false }
      return a.pairs.allSatisfy { key, value in
        ((try? b.get(key)) ?? nil).map { $0.equals(value, depth: depth + 1) } ?? false
      }
    case (.builtin(let a), .builtin(let b)): return a == b
    case (.range(let a, let b, let c), .range(let d, let e, let f)): return a == d && b == e && c == f
    default: return false
    }
  }

  private static func equal(_ a: [PythonValue], _ b: [PythonValue], _ depth: Int) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.equals($1, depth: depth + 1) }
  }

  /// Order of numbers, strings, lists and tuples.
  func isLess(than other: PythonValue, depth: Int = 0) throws -> Bool {
    guard depth < Self.deepest else { throw PythonError.runtime("nested too deeply") }
    if let a = asInt, let b = other.asInt { return a < b }
    if let a = asDouble, let b = other.asDouble { return a < b }
    switch (self, other) {
    case (.string(let a), .string(let b)):
      return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    case (.list(let a), .list(let b)): return try Self.isLess(a.items, b.items, depth)
    case (.tuple(let a), .tuple(let b)): return try Self.isLess(a, b, depth)
    case (.set(let a), .set(let b)):
      return Set(a.order).isStrictSubset(of: Set(b.order))
    default: throw PythonError.runtime("cannot compare \(typeName) and \(other.typeName)")
    }
  }

  private static func isLess(_ a: [PythonValue], _ b: [PythonValue], _ depth: Int) throws -> Bool {
    for (left, right) in zip(a, b) where !left.equals(right) {
      return try left.isLess(than: right, depth: depth + 1)
    }
    return a.count < b.count
  }
}
