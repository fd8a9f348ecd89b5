import Foundation

/// The functions and types that need no import.
/// Source: The Python Standard Library, "Built-in Functions".
enum PythonBuiltins {
  static let names: Set<String> = [
    "len", "sum", "min", "max", "sorted", "reversed", "range", "abs", "str", "int", "float", "bool", "list",
    "tuple", "set", "frozenset", "dict", "any", "all", "enumerate", "zip", "map", "filter", "print",
    "isinstance", "round", "ord", "chr", "pow", "divmod", "repr", "type", "iter", "next", "callable",
    "ValueError", "TypeError", "Exception", "KeyError", "IndexError", "ZeroDivisionError",
  ]

  static func call(
    _ name: String, _ arguments: [PythonValue], _ named: [String: PythonValue],
    _ interpreter: PythonInterpreter
  ) throws -> PythonValue {
    if let value = try PythonModules.call(name, arguments, interpreter) { return value }
    switch name {
    case "print": return .none
    case "range": return try range(arguments)
    case "zip":
      let columns = try arguments.map { try interpreter.items(of: $0) }
      let rows = columns.map(\.count).min() ?? 0
      return .iterator(PythonIterator((0..<rows).map { row in .tuple(columns.map { $0[row] }) }))
    case "min", "max": return try extreme(name, arguments, named, interpreter)
    case "dict": return try dictionary(arguments, named, interpreter)
    case "list", "tuple", "set", "frozenset":
      let items = try arguments.first.map { try interpreter.items(of: $0) } ?? []
      if name == "list" { return .list(PythonList(items)) }
      return name == "tuple" ? .tuple(items) : .set(try PythonDictionary.of(items))
    case "str": return .string(arguments.first.map(PythonFormat.string) ?? "")
    case "int":
      return .int(try arguments.first.map { try int($0, radix: arguments.dropFirst().first?.asInt) } ?? 0)
    case "float": return .float(try arguments.first.map(float) ?? 0)
    case "bool": return .bool(arguments.first?.isTrue ?? false)
    default:
      guard let first = arguments.first else { throw PythonError.runtime("\(name)() needs an argument") }
      let rest = arguments.dropFirst()
      if let value = try ofNumbers(name, first, rest.first ?? named["ndigits"]) { return value }
      return try ofCollections(name, first, rest, named, interpreter)
    }
  }

  private static func ofNumbers(_ name: String, _ first: PythonValue, _ second: PythonValue?) throws
    -> PythonValue?
  {
    switch name {
    case "abs":
      if case .float(let number) = first { return .float(abs(number)) }
      guard let number = first.asInt, number != Int.min else {
        throw PythonError.runtime("abs of \(first.typeName)")
      }
      return .int(abs(number))
    case "round": return try round(first, second)
    case "ord":
      guard case .string(let text) = first, text.unicodeScalars.count == 1,
        let scalar = text.unicodeScalars.first
      else { throw PythonError.runtime("ord needs one character") }
      return .int(Int(scalar.value))
    case "chr":
      guard let code = first.asInt, let value = UInt32(exactly: code), let scalar = Unicode.Scalar(value)
      else {
        throw PythonError.runtime("chr out of range")
      }
      return .string(String(Character(scalar)))
    case "pow": return try PythonOperators.binary("**", first, second ?? .int(1))
    case "divmod":
      return .tuple(
        [
          try PythonOperators.binary("//", first, second ?? .int(0)),
          try PythonOperators.binary("%", first, second ?? .int(0)),
        ])
    case "repr": return .string(PythonFormat.repr(first))
    case "type": return .builtin(first.typeName)
    case "isinstance": return .bool(isInstance(first, of: second ?? .none))
    case "callable":
      switch first {
      case .function, .builtin, .method: return .bool(true)
      default: return .bool(false)
      }
    default: return nil
    }
  }

  private static func ofCollections(
    _ name: String, _ first: PythonValue, _ rest: ArraySlice<PythonValue>, _ named: [String: PythonValue],
    _ interpreter: PythonInterpreter
  ) throws -> PythonValue {
    switch name {
    case "next":
      guard case .iterator(let iterator) = first else {
        throw PythonError.runtime("next of \(first.typeName)")
      }
      guard let item = iterator.rest.popFirst() ?? rest.first else {
        throw PythonError.runtime("nothing left")
      }
      return item
    case "map":
      let columns = try rest.map { try interpreter.items(of: $0) }
      let count = columns.map(\.count).min() ?? 0
      return .iterator(
        PythonIterator(try (0..<count).map { i in try interpreter.apply(first, columns.map { $0[i] }) }))
    case "filter":
      let items = try interpreter.items(of: rest.first ?? .none)
      if case .none = first { return .iterator(PythonIterator(items.filter(\.isTrue))) }
      return .iterator(PythonIterator(try items.filter { try interpreter.apply(first, [$0]).isTrue }))
    default: break
    }
    if name == "len", case .iterator = first { throw PythonError.runtime("an iterator has no len()") }
    if name == "len", case .range(let start, let stop, let step) = first {
      return .int(max(0, (stop - start + step - step.signum()) / step))
    }
    let items = try interpreter.items(of: first)
    switch name {
    case "len": return .int(items.count)
    case "sum":
      return try items.reduce(rest.first ?? named["start"] ?? .int(0)) {
        guard $1.asDouble != nil || $0.asDouble == nil else {
          throw PythonError.runtime("sum of \($1.typeName)")
        }
        return try PythonOperators.binary("+", $0, $1)
      }
    case "sorted": return .list(PythonList(try sorted(items, named, interpreter)))
    case "reversed": return .iterator(PythonIterator(items.reversed()))
    case "any": return .bool(items.contains(where: \.isTrue))
    case "all": return .bool(items.allSatisfy(\.isTrue))
    case "iter": return .iterator(PythonIterator(items))
    case "enumerate":
      let start = (rest.first ?? named["start"])?.asInt ?? 0
      guard start.magnitude < 1 << 40 else { throw PythonError.runtime("number too large") }
      return .iterator(PythonIterator(items.enumerated().map { .tuple([.int($0 + start), $1]) }))
    default: throw PythonError.runtime("'\(name)' is not available")
    }
  }

  /// Stable, by `key`, descending with `reverse`.
  static func sorted(
    _ items: [PythonValue], _ named: [String: PythonValue], _ interpreter: PythonInterpreter
  ) throws -> [PythonValue] {
    let keys = try items.map { try key(named, $0, interpreter) }
    let reverse = named["reverse"]?.isTrue ?? false
    let order = try items.indices.sorted { a, b in
      if try reverse ? keys[b].isLess(than: keys[a]) : keys[a].isLess(than: keys[b]) { return true }
      if try reverse ? keys[a].isLess(than: keys[b]) : keys[b].isLess(than: keys[a]) { return false }
      return a < b
    }
    return order.map { items[$0] }
  }

  private static func key(
    _ named: [String: PythonValue], _ item: PythonValue, _ interpreter: PythonInterpreter
  )
    throws -> PythonValue
  {
    guard let key = named["key"] else { return item }
    if case .none = key { return item }
    return try interpreter.apply(key, [item])
  }

  private static func extreme(
    _ name: String, _ arguments: [PythonValue], _ named: [String: PythonValue],
    _ interpreter: PythonInterpreter
  ) throws -> PythonValue {
    guard let first = arguments.first else { throw PythonError.runtime("\(name)() needs an argument") }
    let items = arguments.count > 1 ? arguments : try interpreter.items(of: first)
    guard var best = items.first else {
      guard let fallback = named["default"] else { throw PythonError.runtime("\(name)() of nothing") }
      return fallback
    }
    var bestKey = try key(named, best, interpreter)
    for item in items.dropFirst() {
      let itemKey = try key(named, item, interpreter)
      if try name == "min" ? itemKey.isLess(than: bestKey) : bestKey.isLess(than: itemKey) {
        (best, bestKey) = (item, itemKey)
      }
    }
    return best
  }

  private static func range(_ arguments: [PythonValue]) throws -> PythonValue {
    let numbers = try arguments.map { value in
      guard let number = value.asInt, number.magnitude < 1 << 40 else {
        throw PythonError.runtime("bad range")
      }
      return number
    }
    switch numbers.count {
    case 1: return .range(start: 0, stop: numbers[0], step: 1)
    case 2: return .range(start: numbers[0], stop: numbers[1], step: 1)
    case 3 where numbers[2] != 0: return .range(start: numbers[0], stop: numbers[1], step: numbers[2])
    default: throw PythonError.runtime("bad range")
    }
  }

  private static func dictionary(
    _ arguments: [PythonValue], _ named: [String: PythonValue], _ interpreter: PythonInterpreter
  ) throws -> PythonValue {
    let result = PythonDictionary()
    if case .dictionary(let entries)? = arguments.first {
      for (key, value) in entries.pairs { try result.set(key, value) }
    } else if let source = arguments.first {
      for pair in try interpreter.items(of: source) {
        let parts = try interpreter.items(of: pair)
        guard parts.count == 2 else { throw PythonError.runtime("dict needs pairs") }
        try result.set(parts[0], parts[1])
      }
    }
    for (key, value) in named.sorted(by: { $0.key < $1.key }) { try result.set(.string(key), value) }
    return .dictionary(result)
  }

  /// Half goes to the even neighbour.
  private static func round(_ value: PythonValue, _ digits: PythonValue?) throws -> PythonValue {
    guard let number = value.asDouble else { throw PythonError.runtime("round of \(value.typeName)") }
    guard let places = digits?.asInt else { return .int(try int(.float(number.rounded(.toNearestOrEven)))) }
    guard case .float = value else { return value }
    let text = String(format: "%.\(max(0, min(places, 15)))f", number)
    return .float(Double(text) ?? number)
  }

  private static func isInstance(_ value: PythonValue, of type: PythonValue) -> Bool {
    if case .tuple(let types) = type { return types.contains { isInstance(value, of: $0) } }
    guard case .builtin(let name) = type else { return false }
    return value.typeName == name || (name == "int" && value.typeName == "bool")
  }

  static func int(_ value: PythonValue, radix: Int? = nil) throws -> Int {
    switch value {
    case .float(let number):
      guard number.isFinite, abs(number) < 9e18 else { throw PythonError.runtime("number too large") }
      return Int(number)
    case .string(let text):
      let base = (2...36).contains(radix ?? 10) ? radix ?? 10 : 10
      guard let number = Int(text.trimmingCharacters(in: .whitespaces), radix: base) else {
        throw PythonError.runtime("not a whole number: '\(text)'")
      }
      return number
    default:
      guard let number = value.asInt else { throw PythonError.runtime("int of \(value.typeName)") }
      return number
    }
  }

  private static func float(_ value: PythonValue) throws -> Double {
    if case .string(let text) = value, let number = Double(text.trimmingCharacters(in: .whitespaces)) {
      return number
    }
    guard let number = value.asDouble else { throw PythonError.runtime("float of \(value.typeName)") }
    return number
  }
}
