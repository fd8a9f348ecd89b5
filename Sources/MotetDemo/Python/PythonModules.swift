import Foundation

/// The few members of standard modules that short answers use.
enum PythonModules {
  static func member(_ name: String, of module: String) throws -> PythonValue {
    switch (module, name) {
    case ("math", "pi"): return .float(Double.pi)
    case ("math", "e"): return .float(M_E)
    case ("math", "inf"): return .float(.infinity)
    case ("string", "ascii_lowercase"): return .string("abcdefghijklmnopqrstuvwxyz")
    case ("string", "ascii_uppercase"): return .string("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    case ("string", "ascii_letters"):
      return .string("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    case ("string", "digits"): return .string("0123456789")
    case ("typing", _): return .none
    default:
      let full = "\(module).\(name)"
      guard functions.contains(full) else { throw PythonError.runtime("no '\(full)' here") }
      return .builtin(full)
    }
  }

  static let functions: Set<String> = [
    "math.sqrt", "math.floor", "math.ceil", "math.gcd", "math.pow", "math.factorial", "math.prod",
    "math.fabs",
    "functools.reduce", "statistics.mean",
  ]

  /// nil when `name` is none of `functions`.
  static func call(_ name: String, _ arguments: [PythonValue], _ interpreter: PythonInterpreter) throws
    -> PythonValue?
  {
    guard functions.contains(name) else { return nil }
    guard let first = arguments.first else { throw PythonError.runtime("\(name) needs an argument") }
    switch name {
    case "functools.reduce":
      guard arguments.count > 1 else { throw PythonError.runtime("reduce needs two arguments") }
      var items = try interpreter.items(of: arguments[1])[...]
      guard var result = arguments.count > 2 ? arguments[2] : items.popFirst() else {
        throw PythonError.runtime("reduce of nothing")
      }
      for item in items { result = try interpreter.apply(first, [result, item]) }
      return result
    case "math.prod":
      return try interpreter.items(of: first).reduce(.int(1)) { try PythonOperators.binary("*", $0, $1) }
    case "statistics.mean":
      let items = try interpreter.items(of: first).map { try number($0) }
      guard !items.isEmpty else { throw PythonError.runtime("mean of nothing") }
      return .float(items.reduce(0, +) / Double(items.count))
    case "math.gcd":
      var (a, b) = (
        try PythonBuiltins.int(first).magnitude, try PythonBuiltins.int(arguments.last ?? first).magnitude
      )
      while b != 0 { (a, b) = (b, a % b) }
      return .int(Int(clamping: a))
    case "math.factorial":
      let n = try PythonBuiltins.int(first)
      guard (0...20).contains(n) else { throw PythonError.runtime("factorial out of range") }
      return .int((1...max(1, n)).reduce(1, *))
    default: return try real(name, try number(first), arguments)
    }
  }

  private static func real(_ name: String, _ x: Double, _ arguments: [PythonValue]) throws -> PythonValue {
    switch name {
    case "math.sqrt":
      guard x >= 0 else { throw PythonError.runtime("root of a negative number") }
      return .float(x.squareRoot())
    case "math.floor": return .int(try PythonBuiltins.int(.float(x.rounded(.down))))
    case "math.ceil": return .int(try PythonBuiltins.int(.float(x.rounded(.up))))
    case "math.fabs": return .float(abs(x))
    default: return .float(pow(x, try number(arguments.last ?? .int(1))))
    }
  }

  private static func number(_ value: PythonValue) throws -> Double {
    guard let number = value.asDouble else { throw PythonError.runtime("not a number: \(value.typeName)") }
    return number
  }
}
