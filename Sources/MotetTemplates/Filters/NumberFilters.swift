import Foundation

/// Filters that make numbers.
/// Source: jinja2/filters.py.
enum NumberFilters {
  static func abs(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    if case .float(let float) = value { return .float(float.magnitude) }
    guard let integer = value.integer else {
      if case .undefined(let undefined) = value { throw undefined.problem }
      throw TemplateProblem.failed("abs needs a number, not \(value.typeName)")
    }
    return .int(integer < 0 ? try Arithmetic.checked(0.subtractingReportingOverflow(integer)) : integer)
  }

  /// A whole number; 0 or the default for what is none. A string may hold a fraction, which is cut.
  static func int(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let fallback = given[0] ?? .int(0)
    switch value {
    case .undefined(let undefined): throw undefined.problem
    case .text(let text):
      let base = try given.int(1) ?? 10
      if let integer = try PythonNumber.integer(text, base: base) { return .int(integer) }
      guard let float = PythonNumber.float(text), float.isFinite else { return fallback }
      return .int(try Arithmetic.integer(float))
    case .float(let float): return float.isFinite ? .int(try Arithmetic.integer(float)) : fallback
    default: return value.integer.map { .int($0) } ?? fallback
    }
  }

  static func float(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let fallback = given[0] ?? .float(0)
    switch value {
    case .undefined(let undefined): throw undefined.problem
    case .text(let text): return PythonNumber.float(text).map { .float($0) } ?? fallback
    default: return value.number.map { .float($0) } ?? fallback
    }
  }

  /// Rounds half to even, by the number's exact value; an integer stays one.
  static func round(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let precision = try given.int(0) ?? 0
    let method = try given.text(1)?.string ?? "common"
    guard ["common", "ceil", "floor"].contains(method) else {
      throw TemplateProblem.failed("round takes the methods common, ceil and floor, not '\(method)'")
    }
    guard let number = value.number else {
      if case .undefined(let undefined) = value { throw undefined.problem }
      throw TemplateProblem.failed("round needs a number, not \(value.typeName)")
    }
    guard method == "common" else {
      let scale = pow(10, Double(precision))
      let scaled = number * scale
      let rounded = method == "ceil" ? scaled.rounded(.up) : scaled.rounded(.down)
      guard rounded.isFinite, scale != 0 else {
        throw TemplateProblem.failed("round: the number is too large")
      }
      return .float(rounded / scale)
    }
    if let integer = value.integer { return .int(try rounded(integer, to: precision)) }
    guard number.isFinite else { return .float(number) }
    if precision >= 0 {
      // Beyond these digits a number has no others.
      if precision > 323 { return .float(number) }
      return .float(Double(String(format: "%.\(precision)f", number)) ?? number)
    }
    if precision < -308 { return .float(0) }
    let scale = pow(10, Double(-precision))
    return .float((number / scale).rounded(.toNearestOrEven) * scale)
  }

  private static func rounded(_ integer: Int, to precision: Int) throws -> Int {
    if precision >= 0 { return integer }
    guard precision > -19 else { return 0 }
    let scale = try Arithmetic.power(10, -precision)
    let rest = try Arithmetic.modulo(integer, scale)
    let down = try Arithmetic.checked(integer.subtractingReportingOverflow(rest))
    let isUp = rest > scale - rest || (rest == scale - rest && (down / scale) % 2 != 0)
    return isUp ? try Arithmetic.checked(down.addingReportingOverflow(scale)) : down
  }

  static func sum(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let getter = try AttributeGetter(given.some(0))
    var sum = given[1] ?? .int(0)
    if case .text = sum { throw TemplateProblem.failed("sum does not join strings: use join") }
    for element in try value.elements(in: rendering) {
      try rendering.spend(1)
      sum = try rendering.compute(sum, .add, try getter.value(of: element, in: rendering))
    }
    return sum
  }
}

/// Numbers that are written in strings, as Python's `int` and `float` read them.
enum PythonNumber {
  /// - Returns: nil when the text is no integer to that base
  /// - Throws: ``TemplateProblem`` for integers of more than 64 bits
  static func integer(_ text: TemplateText, base: Int) throws -> Int? {
    guard base == 0 || (2...36).contains(base) else { return nil }
    var rest = Substring(text.stripped(.both).string.lowercased())
    var base = base
    let isNegative = rest.first == "-"
    if isNegative || rest.first == "+" { rest.removeFirst() }
    for (prefix, own) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where rest.hasPrefix(prefix) && (base == own || base == 0) {
      base = own
      rest = rest.dropFirst(2)
      if rest.first == "_" { rest.removeFirst() }
    }
    if base == 0 { base = 10 }
    guard let digits = digits(rest), digits.allSatisfy({ ($0.hexDigitOrLetter ?? 99) < base }) else {
      return nil
    }
    guard let magnitude = Int((isNegative ? "-" : "") + digits, radix: base) else {
      throw Arithmetic.tooLarge
    }
    return magnitude
  }

  /// - Returns: nil when the text is no number
  static func float(_ text: TemplateText) -> Double? {
    let stripped = text.stripped(.both).string.lowercased()
    let unsigned = stripped.drop { $0 == "-" || $0 == "+" }
    guard stripped.count - unsigned.count <= 1 else { return nil }
    if ["inf", "infinity", "nan"].contains(String(unsigned)) { return Double(stripped) }
    guard let first = unsigned.first, first.isNumber || first == ".",
      let digits = digits(Substring(stripped)), !digits.contains("x"), !digits.contains("p")
    else { return nil }
    var number = digits
    // Swift asks for digits on both sides of a point.
    if number.hasSuffix(".") { number += "0" }
    return Double(number.replacing(".e", with: ".0e"))
  }

  /// Without the underscores between digits; nil for underscores elsewhere. Digits of other scripts become ASCII's.
  private static func digits(_ text: Substring) -> String? {
    var result = ""
    var previous: Character = "_"
    for character in text {
      if character == "_" {
        guard previous.isNumber || previous.isLetter else { return nil }
      } else if let scalar = character.unicodeScalars.first, character.unicodeScalars.count == 1,
        scalar.isPythonDecimal, let value = scalar.properties.numericValue
      {
        result.append(String(Int(value)))
      } else {
        result.append(character)
      }
      previous = character
    }
    return previous == "_" ? nil : result
  }
}

extension Character {
  fileprivate var hexDigitOrLetter: Int? {
    guard let ascii = asciiValue else { return nil }
    switch ascii {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return Int(ascii - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): return Int(ascii - UInt8(ascii: "a")) + 10
    default: return nil
    }
  }
}
