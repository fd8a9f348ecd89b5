/// Methods of lists, dictionaries and sets. Those of strings stand in `PythonStringMethods`.
/// Source: The Python Standard Library, "Built-in Types".
enum PythonMethods {
  static func call(
    _ name: String, of receiver: PythonValue, _ arguments: [PythonValue], _ named: [String: PythonValue],
    _ interpreter: PythonInterpreter
  ) throws -> PythonValue {
    let found: PythonValue? =
      switch receiver {
      case .string(let text): try PythonStringMethods.call(name, of: text, arguments, named, interpreter)
      case .list(let list): try ofList(name, list, arguments, named, interpreter)
      case .dictionary(let entries): try ofDictionary(name, entries, arguments, interpreter)
      case .set(let entries): try ofSet(name, entries, arguments, interpreter)
      case .tuple(let items): try ofTuple(name, items, arguments)
      case .builtin("str"):
        // str.upper and the like, called with the string as the first argument.
        try arguments.first.map { try call(name, of: $0, Array(arguments.dropFirst()), named, interpreter) }
      default: nil
      }
    guard let found else { throw PythonError.runtime("'\(receiver.typeName)' has no method '\(name)'") }
    return found
  }

  private static func first(_ arguments: [PythonValue], _ name: String) throws -> PythonValue {
    guard let first = arguments.first else { throw PythonError.runtime("\(name)() needs an argument") }
    return first
  }

  private static func ofTuple(_ name: String, _ items: [PythonValue], _ arguments: [PythonValue]) throws
    -> PythonValue?
  {
    switch name {
    case "count":
      let wanted = try first(arguments, name)
      return .int(items.count { $0.equals(wanted) })
    case "index":
      let wanted = try first(arguments, name)
      guard let place = items.firstIndex(where: { $0.equals(wanted) }) else {
        throw PythonError.runtime("not in the sequence")
      }
      return .int(place)
    default: return nil
    }
  }

  private static func ofList(
    _ name: String, _ list: PythonList, _ arguments: [PythonValue], _ named: [String: PythonValue],
    _ interpreter: PythonInterpreter
  ) throws -> PythonValue? {
    switch name {
    case "append":
      list.items.append(try first(arguments, name))
      try PythonOperators.checkSize(list.items.count)
    case "extend":
      list.items += try interpreter.items(of: try first(arguments, name))
      try PythonOperators.checkSize(list.items.count)
    case "insert":
      guard arguments.count == 2, let place = arguments[0].asInt else {
        throw PythonError.runtime("bad insert")
      }
      let at = place < 0 ? max(0, place + list.items.count) : min(place, list.items.count)
      list.items.insert(arguments[1], at: at)
    case "pop":
      let place = try PythonSlices.index(arguments.first ?? .int(-1), list.items.count)
      return list.items.remove(at: place)
    case "remove":
      let wanted = try first(arguments, name)
      guard let place = list.items.firstIndex(where: { $0.equals(wanted) }) else {
        throw PythonError.runtime("not in the list")
      }
      list.items.remove(at: place)
    case "clear": list.items = []
    case "copy": return .list(PythonList(list.items))
    case "reverse": list.items.reverse()
    case "sort": list.items = try PythonBuiltins.sorted(list.items, named, interpreter)
    default: return try ofTuple(name, list.items, arguments)
    }
    return PythonValue.none
  }

  private static func ofDictionary(
    _ name: String, _ entries: PythonDictionary, _ arguments: [PythonValue], _ interpreter: PythonInterpreter
  ) throws -> PythonValue? {
    let fallback = arguments.dropFirst().first
    switch name {
    case "keys": return .list(PythonList(entries.keys))
    case "values": return .list(PythonList(entries.pairs.map(\.1)))
    case "items": return .list(PythonList(entries.pairs.map { .tuple([$0, $1]) }))
    case "get": return try entries.get(try first(arguments, name)) ?? fallback ?? PythonValue.none
    case "pop":
      guard let value = try entries.remove(try first(arguments, name)) ?? fallback else {
        throw PythonError.runtime("no such key")
      }
      return value
    case "setdefault":
      let key = try first(arguments, name)
      if let value = try entries.get(key) { return value }
      try entries.set(key, fallback ?? .none)
      return fallback ?? PythonValue.none
    case "update":
      guard case .dictionary(let other) = try first(arguments, name) else {
        throw PythonError.runtime("update needs a dictionary")
      }
      for (key, value) in other.pairs { try entries.set(key, value) }
    case "clear": entries.removeAll()
    case "copy": return .dictionary(entries.copy())
    default: return nil
    }
    return PythonValue.none
  }

  private static func ofSet(
    _ name: String, _ entries: PythonDictionary, _ arguments: [PythonValue], _ interpreter: PythonInterpreter
  ) throws -> PythonValue? {
    switch name {
    case "add": try entries.set(try first(arguments, name), .none)
    case "discard": try entries.remove(try first(arguments, name))
    case "remove":
      guard try entries.remove(try first(arguments, name)) != nil else {
        throw PythonError.runtime("no such key")
      }
    case "update":
      for item in try interpreter.items(of: try first(arguments, name)) { try entries.set(item, .none) }
    case "clear": entries.removeAll()
    case "copy": return .set(entries.copy())
    case "pop":
      guard let key = entries.keys.first else { throw PythonError.runtime("pop of an empty set") }
      try entries.remove(key)
      return key
    case "union", "intersection", "difference", "symmetric_difference", "issubset", "issuperset",
      "isdisjoint":
      let other = try PythonDictionary.of(try interpreter.items(of: try first(arguments, name)))
      switch name {
      case "union": return .set(try PythonOperators.sets("|", entries, other))
      case "intersection": return .set(try PythonOperators.sets("&", entries, other))
      case "difference": return .set(try PythonOperators.sets("-", entries, other))
      case "issubset": return .bool(try PythonOperators.sets("-", entries, other).count == 0)
      case "issuperset": return .bool(try PythonOperators.sets("-", other, entries).count == 0)
      case "isdisjoint": return .bool(try PythonOperators.sets("&", entries, other).count == 0)
      default: return .set(try PythonOperators.sets("^", entries, other))
      }
    default: return nil
    }
    return PythonValue.none
  }
}
