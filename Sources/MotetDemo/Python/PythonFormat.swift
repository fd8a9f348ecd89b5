import Foundation

/// How values are written: `str`, `repr`, and format specifications.
/// Source: The Python Standard Library, "Format Specification Mini-Language".
enum PythonFormat {
  static func string(_ value: PythonValue) -> String {
    if case .string(let text) = value { return text }
    return repr(value)
  }

  static func repr(_ value: PythonValue, depth: Int = 0) -> String {
    guard depth < PythonValue.deepest else { return "..." }
    func inner(_ value: PythonValue) -> String { repr(value, depth: depth + 1) }
    switch value {
    case .none: return "None"
    case .bool(let value): return value ? "True" : "False"
    case .int(let value): return String(value)
    case .float(let value): return real(value)
    case .string(let text): return quoted(text)
    case .list(let list): return "[" + list.items.map(inner).joined(separator: ", ") + "]"
    case .tuple(let items):
      return "(" + items.map(inner).joined(separator: ", ") + (items.count == 1 ? ",)" : ")")
    case .dictionary(let entries):
      return "{" + entries.pairs.map { "\(inner($0)): \(inner($1))" }.joined(separator: ", ") + "}"
    case .set(let entries):
      return entries.count == 0 ? "set()" : "{" + entries.keys.map(inner).joined(separator: ", ") + "}"
    case .range(let start, let stop, let step):
      return step == 1 ? "range(\(start), \(stop))" : "range(\(start), \(stop), \(step))"
    case .builtin(let name): return "<class '\(name)'>"
    default: return "<\(value.typeName)>"
    }
  }

  private static func real(_ value: Double) -> String {
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    if value.isNaN { return "nan" }
    if value == value.rounded(), abs(value) < 1e16 { return String(format: "%.1f", value) }
    return "\(value)"
  }

  private static func quoted(_ text: String) -> String {
    let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for c in text {
      switch c {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case quote: result += "\\" + String(quote)
      default: result.append(c)
      }
    }
    return result + String(quote)
  }

  /// `[[fill]align][sign][0][width][,][.precision][type]`.
  static func apply(_ specification: String, to value: PythonValue) throws -> String {
    var rest = Array(specification)
    var (fill, align): (Character, Character?) = (" ", nil)
    if rest.count > 1, "<>^=".contains(rest[1]) {
      (fill, align) = (rest[0], rest[1])
      rest.removeFirst(2)
    } else if let first = rest.first, "<>^=".contains(first) {
      align = rest.removeFirst()
    }
    let sign = rest.first.map { "+- ".contains($0) } == true ? rest.removeFirst() : "-"
    if rest.first == "0", align == nil {
      (fill, align) = ("0", "=")
      rest.removeFirst()
    }
    var digits = ""
    while let c = rest.first, c.isNumber { digits.append(rest.removeFirst()) }
    let grouped = rest.first == ","
    if grouped { rest.removeFirst() }
    var precision: Int?
    if rest.first == "." {
      rest.removeFirst()
      var text = ""
      while let c = rest.first, c.isNumber { text.append(rest.removeFirst()) }
      precision = Int(text)
    }
    let kind = rest.first
    var body = try number(value, kind: kind, precision: precision)
    if grouped { body = group(body) }
    if value.asDouble != nil, sign == "+", !body.hasPrefix("-") { body = "+" + body }
    let isNumber = value.asDouble != nil
    return pad(body, to: min(Int(digits) ?? 0, 1000), fill: fill, align: align ?? (isNumber ? ">" : "<"))
  }

  private static func number(_ value: PythonValue, kind: Character?, precision: Int?) throws -> String {
    let places = min(precision ?? 6, 30)
    switch (kind, value.asDouble) {
    case ("f", let number?), ("F", let number?): return String(format: "%.\(places)f", number)
    case ("e", let number?): return String(format: "%.\(places)e", number)
    case ("%", let number?): return String(format: "%.\(places)f", number * 100) + "%"
    case ("g", let number?): return String(format: "%.\(places)g", number)
    case (nil, let number?) where precision != nil: return String(format: "%.\(places)g", number)
    case ("x", _): return String(value.asInt ?? 0, radix: 16)
    case ("b", _): return String(value.asInt ?? 0, radix: 2)
    case ("o", _): return String(value.asInt ?? 0, radix: 8)
    case ("d", _) where value.asInt == nil: throw PythonError.runtime("format 'd' needs a whole number")
    default:
      let text = string(value)
      if let precision, value.asDouble == nil { return String(text.prefix(precision)) }
      return text
    }
  }

  private static func group(_ text: String) -> String {
    let parts = text.split(separator: ".", maxSplits: 1)
    let negative = text.hasPrefix("-")
    var digits = Array(parts[0].drop { $0 == "-" })
    var result = ""
    while digits.count > 3 {
      result = "," + String(digits.suffix(3)) + result
      digits.removeLast(3)
    }
    return (negative ? "-" : "") + String(digits) + result + (parts.count > 1 ? "." + parts[1] : "")
  }

  static func pad(_ text: String, to width: Int, fill: Character, align: Character) -> String {
    let missing = width - text.count
    guard missing > 0 else { return text }
    func blanks(_ count: Int) -> String { String(repeating: fill, count: count) }
    switch align {
    case "<": return text + blanks(missing)
    case "^": return blanks(missing / 2) + text + blanks(missing - missing / 2)
    case "=" where text.hasPrefix("-") || text.hasPrefix("+"):
      return text.prefix(1) + blanks(missing) + text.dropFirst()
    default: return blanks(missing) + text
    }
  }
}
