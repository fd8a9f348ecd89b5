import Foundation

/// Numbers, as Python computes with them. Integers have 64 bits here: a result that needs more is an error.
extension TemplateValue {
  /// An integer or a boolean, which counts as 0 or 1.
  var integer: Int? {
    switch self {
    case .int(let int): int
    case .bool(let bool): bool ? 1 : 0
    default: nil
    }
  }

  /// Any number as a float.
  var number: Double? {
    switch self {
    case .float(let float): float
    case .largeInteger(let digits): Double(digits)
    default: integer.map(Double.init)
    }
  }

  var isNumber: Bool {
    switch self {
    case .int, .largeInteger, .float, .bool: true
    default: false
    }
  }
}

enum Arithmetic {
  static let tooLarge = TemplateProblem.limit("an integer does not fit in 64 bits")

  static func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
    guard !result.overflow else { throw tooLarge }
    return result.partialValue
  }

  /// The numbers from `start` up or down to `stop`, which is not one of them.
  static func numbers(from start: Int, to stop: Int, by step: Int) -> [Int] {
    var numbers: [Int] = []
    var next = start
    while step > 0 ? next < stop : next > stop {
      numbers.append(next)
      let (sum, overflow) = next.addingReportingOverflow(step)
      if overflow { break }
      next = sum
    }
    return numbers
  }

  /// The product of two numbers of which none is negative, or the largest integer.
  static func product(_ left: Int, _ right: Int) -> Int {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? .max : product
  }

  /// A float as an integer, cut towards zero.
  static func integer(_ float: Double) throws -> Int {
    guard float.isFinite else { throw TemplateProblem.failed("\(float.pythonText) is not a whole number") }
    guard let integer = Int(exactly: float.rounded(.towardZero)) else { throw tooLarge }
    return integer
  }

  static let zeroDivision = TemplateProblem.failed("division by zero")

  /// `//` of integers, rounded down.
  static func floorDivide(_ left: Int, _ right: Int) throws -> Int {
    guard right != 0 else { throw zeroDivision }
    let quotient = try checked(left.dividedReportingOverflow(by: right))
    return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient
  }

  /// `%` of integers, with the sign of the divisor.
  static func modulo(_ left: Int, _ right: Int) throws -> Int {
    guard right != 0 else { throw zeroDivision }
    if right == -1 { return 0 }
    let rest = left % right
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest
  }

  static func modulo(_ left: Double, _ right: Double) throws -> Double {
    guard right != 0 else { throw zeroDivision }
    let rest = fmod(left, right)
    if rest == 0 { return right < 0 ? -0.0 : 0.0 }
    return (rest < 0) != (right < 0) ? rest + right : rest
  }

  static func floorDivide(_ left: Double, _ right: Double) throws -> Double {
    guard right != 0 else { throw zeroDivision }
    let rest = try modulo(left, right)
    return ((left - rest) / right).rounded()
  }

  /// `**` of integers with an exponent of at least 0, by squaring.
  static func power(_ base: Int, _ exponent: Int) throws -> Int {
    var (result, square, left) = (1, base, exponent)
    while left > 0 {
      if left & 1 == 1 { result = try checked(result.multipliedReportingOverflow(by: square)) }
      left >>= 1
      if left > 0 { square = try checked(square.multipliedReportingOverflow(by: square)) }
    }
    return result
  }
}

extension Double {
  /// The number as Python prints it: the shortest decimal that reads back as the same number.
  /// Source: Python's `float_repr_style` "short"; an exponent from 1e16 on and below 1e-4.
  var pythonText: String {
    guard isFinite else { return isNaN ? "nan" : self < 0 ? "-inf" : "inf" }
    if self == 0 { return sign == .minus ? "-0.0" : "0.0" }
    let (digits, exponent) = magnitude.shortestDigits
    let minus = self < 0 ? "-" : ""
    if exponent < -4 || exponent >= 16 {
      let fraction = digits.dropFirst()
      let shown = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
      return
        "\(minus)\(digits.prefix(1))\(fraction.isEmpty ? "" : ".")\(fraction)e\(exponent < 0 ? "-" : "+")\(shown)"
    }
    if exponent < 0 { return minus + "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
      return minus + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return "\(minus)\(digits.prefix(exponent + 1)).\(digits.dropFirst(exponent + 1))"
  }

  /// The digits of the shortest decimal, without zeros at either end, and the power of ten of the first.
  private var shortestDigits: (digits: String, exponent: Int) {
    let parts = description.lowercased().split(separator: "e")
    var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let decimal = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = decimal[0]
    var digits = String(whole) + (decimal.count > 1 ? String(decimal[1]) : "")
    exponent += whole.count - 1
    while digits.count > 1, digits.hasPrefix("0") {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    return (digits, exponent)
  }
}
