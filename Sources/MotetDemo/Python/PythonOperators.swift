import Foundation

/// Arithmetic and comparison. Whole numbers are 64 bits wide: an overflow is an error, not a wrong number.
enum PythonOperators {
  static func checkSize(_ count: Int) throws {
    guard count <= PythonInterpreter.largestSize else { throw PythonError.runtime("too large") }
  }

  static func unary(_ operation: String, _ value: PythonValue) throws -> PythonValue {
    switch (operation, value) {
    case ("not", _): return .bool(!value.isTrue)
    case ("-", .float(let number)): return .float(-number)
    case ("+", .float): return value
    case ("-", _):
      if let number = value.asInt, number != Int.min { return .int(-number) }
    case ("+", _):
      if let number = value.asInt { return .int(number) }
    case ("~", _):
      if let number = value.asInt { return .int(~number) }
    default: break
    }
    throw PythonError.runtime("bad operand for '\(operation)': \(value.typeName)")
  }

  static func binary(_ operation: String, _ left: PythonValue, _ right: PythonValue) throws -> PythonValue {
    if let a = left.asInt, let b = right.asInt { return try whole(operation, a, b) }
    if let a = left.asDouble, let b = right.asDouble { return .float(try real(operation, a, b)) }
    switch (operation, left, right) {
    case ("+", .string(let a), .string(let b)):
      try checkSize(a.utf8.count + b.utf8.count)
      return .string(a + b)
    case ("+", .list(let a), .list(let b)):
      try checkSize(a.items.count + b.items.count)
      return .list(PythonList(a.items + b.items))
    case ("+", .tuple(let a), .tuple(let b)): return .tuple(a + b)
    case ("*", .string, _), ("*", .list, _), ("*", .tuple, _):
      if let count = right.asInt { return try repeated(left, count) }
    case ("*", _, .string), ("*", _, .list), ("*", _, .tuple):
      if let count = left.asInt { return try repeated(right, count) }
    case ("%", .string(let format), _): return .string(try percent(format, right))
    case (_, .set(let a), .set(let b)): return .set(try sets(operation, a, b))
    case ("|", .dictionary(let a), .dictionary(let b)):
      let result = a.copy()
      for (key, value) in b.pairs { try result.set(key, value) }
      return .dictionary(result)
    default: break
    }
    throw PythonError.runtime("'\(operation)' of \(left.typeName) and \(right.typeName)")
  }

  private static func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> PythonValue {
    guard !result.overflow else { throw PythonError.runtime("number too large") }
    return .int(result.partialValue)
  }

  private static func whole(_ operation: String, _ a: Int, _ b: Int) throws -> PythonValue {
    switch operation {
    case "+": return try checked(a.addingReportingOverflow(b))
    case "-": return try checked(a.subtractingReportingOverflow(b))
    case "*": return try checked(a.multipliedReportingOverflow(by: b))
    case "/": return .float(try real("/", Double(a), Double(b)))
    case "//", "%":
      guard b != 0 else { throw PythonError.runtime("division by zero") }
      guard b != -1 || a != Int.min else { throw PythonError.runtime("number too large") }
      let (quotient, rest) = a.quotientAndRemainder(dividingBy: b)
      // Python rounds down; the remainder has the divisor's sign.
      let down = rest != 0 && (rest < 0) != (b < 0)
      return .int(operation == "//" ? quotient - (down ? 1 : 0) : rest + (down ? b : 0))
    case "**":
      guard b >= 0 else { return .float(pow(Double(a), Double(b))) }
      guard b <= 64 || a.magnitude <= 1 else { throw PythonError.runtime("number too large") }
      var result = 1
      for _ in 0..<(a.magnitude <= 1 ? b % 2 + (b > 1 ? 2 : 0) : b) {
        let (product, overflow) = result.multipliedReportingOverflow(by: a)
        guard !overflow else { throw PythonError.runtime("number too large") }
        result = product
      }
      return .int(result)
    case "&": return .int(a & b)
    case "|": return .int(a | b)
    case "^": return .int(a ^ b)
    case "<<":
      guard (0..<32).contains(b), a.magnitude < 1 << 30 else { throw PythonError.runtime("number too large") }
      return .int(a << b)
    case ">>":
      guard b >= 0 else { throw PythonError.runtime("negative shift") }
      return .int(a >> min(b, 63))
    default: throw PythonError.runtime("unknown operator '\(operation)'")
    }
  }

  private static func real(_ operation: String, _ a: Double, _ b: Double) throws -> Double {
    if ["/", "//", "%"].contains(operation), b == 0 { throw PythonError.runtime("division by zero") }
    switch operation {
    case "+": return a + b
    case "-": return a - b
    case "*": return a * b
    case "/": return a / b
    case "//": return (a / b).rounded(.down)
    case "%": return a - (a / b).rounded(.down) * b
    case "**": return pow(a, b)
    default: throw PythonError.runtime("'\(operation)' of float")
    }
  }

  private static func repeated(_ value: PythonValue, _ count: Int) throws -> PythonValue {
    let count = max(0, count)
    try checkSize(count)
    switch value {
    case .string(let text):
      try checkSize(count * text.utf8.count)
      return .string(String(repeating: text, count: count))
    case .list(let list):
      try checkSize(count * list.items.count)
      return .list(PythonList((0..<count).flatMap { _ in list.items }))
    case .tuple(let items):
      try checkSize(count * items.count)
      return .tuple((0..<count).flatMap { _ in items })
    default: throw PythonError.runtime("cannot repeat \(value.typeName)")
    }
  }

  static func sets(_ operation: String, _ a: PythonDictionary, _ b: PythonDictionary) throws
    -> PythonDictionary
  {
    func keep(_ keys: [PythonValue], in other: PythonDictionary, _ wanted: Bool) throws -> [PythonValue] {
      try keys.filter { (try other.get($0) != nil) == wanted }
    }
    switch operation {
    case "|": return try .of(a.keys + b.keys)
    case "&": return try .of(keep(a.keys, in: b, true))
    case "-": return try .of(keep(a.keys, in: b, false))
    case "^": return try .of(keep(a.keys, in: b, false) + keep(b.keys, in: a, false))
    default: throw PythonError.runtime("'\(operation)' of sets")
    }
  }

  /// `"%d of %s" % (1, "x")`.
  private static func percent(_ format: String, _ right: PythonValue) throws -> String {
    var values = [right][...]
    if case .tuple(let items) = right { values = items[...] }
    var result = ""
    var rest = Array(format)[...]
    while let c = rest.popFirst() {
      guard c == "%" else {
        result.append(c)
        continue
      }
      var specification = ""
      while let next = rest.first, next.isNumber || next == "." {
        specification.append(next)
        rest = rest.dropFirst()
      }
      guard let kind = rest.popFirst() else { break }
      if kind == "%" {
        result += "%"
        continue
      }
      guard let value = values.popFirst() else { throw PythonError.runtime("not enough values for '%'") }
      switch kind {
      case "s": result += PythonFormat.string(value)
      case "r": result += PythonFormat.repr(value)
      default:
        result += try PythonFormat.apply(
          (value.asInt == nil ? ">" : ">") + specification + String(kind), to: value)
      }
    }
    return result
  }

  static func compare(_ operation: String, _ left: PythonValue, _ right: PythonValue) throws -> Bool {
    switch operation {
    case "==": return left.equals(right)
    case "!=": return !left.equals(right)
    case "<": return try left.isLess(than: right)
    case ">": return try right.isLess(than: left)
    case "<=":
      let less = try left.isLess(than: right)
      return less || left.equals(right)
    case ">=":
      let less = try right.isLess(than: left)
      return less || left.equals(right)
    case "in": return try contains(right, left)
    case "not in": return try !contains(right, left)
    case "is": return left.equals(right) && left.typeName == right.typeName
    case "is not": return !(left.equals(right) && left.typeName == right.typeName)
    default: throw PythonError.runtime("unknown comparison '\(operation)'")
    }
  }

  private static func contains(_ container: PythonValue, _ item: PythonValue) throws -> Bool {
    switch (container, item) {
    case (.string(let text), .string(let part)): return part.isEmpty || text.contains(part)
    case (.dictionary(let entries), _), (.set(let entries), _): return try entries.get(item) != nil
    case (.list(let list), _): return list.items.contains { $0.equals(item) }
    case (.tuple(let items), _): return items.contains { $0.equals(item) }
    case (.iterator(let iterator), _): return iterator.rest.contains { $0.equals(item) }
    case (.range(let start, let stop, let step), _):
      guard let number = item.asInt else { return false }
      let inside = step > 0 ? (start..<max(start, stop)).contains(number) : number <= start && number > stop
      return inside && (number - start) % step == 0
    default: throw PythonError.runtime("'in' needs a collection, not \(container.typeName)")
    }
  }
}
