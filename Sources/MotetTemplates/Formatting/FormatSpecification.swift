import Foundation

/// How one value is written: `>8.2f`. Both `%` and `str.format` come down to it.
/// Source: docs.python.org/3/library/string.html, "Format Specification Mini-Language".
struct FormatSpecification {
  enum Alignment { case start, end, center, afterSign }

  var fill: TemplateText?
  var alignment: Alignment?
  /// What stands before numbers that are not negative: `+`, a space or nothing.
  var sign = ""
  var isAlternate = false
  var width = 0
  /// What stands between groups of digits: `,` or `_`.
  var grouping: String?
  var precision: Int?
  var type: Character?

  /// More digits than any number has.
  private static let mostDigits = 1_000

  /// - Throws: ``TemplateProblem`` for values that do not fit the type
  func text(of value: TemplateValue, in rendering: Rendering) throws -> TemplateText {
    switch type {
    case "d", "b", "o", "x", "X", "c", "n":
      guard let integer = value.integer else { throw unfit(value) }
      return try padded(try text(of: integer), isNumber: true, rendering)
    case "e", "E", "f", "F", "g", "G", "%":
      guard let number = value.number else { throw unfit(value) }
      return try padded(try text(of: number), isNumber: true, rendering)
    case nil, "s":
      if type == nil, case .float(let number) = value, precision != nil || !sign.isEmpty {
        return try padded(try text(of: number), isNumber: true, rendering)
      }
      if type == nil, case .int(let integer) = value {
        return try padded(try text(of: integer), isNumber: true, rendering)
      }
      var text = try value.text(in: rendering)
      if let precision { text = text[0..<text.offset(of: precision)] }
      return try padded(text, isNumber: type == nil && value.number != nil, rendering)
    case let type?: throw TemplateProblem.unsupported("the format '\(type)'")
    }
  }

  private func unfit(_ value: TemplateValue) -> TemplateProblem {
    if case .undefined(let undefined) = value { return undefined.problem }
    return .failed("the format '\(type.map(String.init) ?? "")' does not fit \(value.typeName)")
  }

  private func padded(
    _ text: TemplateText, isNumber: Bool, _ rendering: Rendering
  ) throws -> TemplateText {
    let fill = fill ?? TemplateText(" ", .content)
    switch alignment ?? (isNumber ? .end : .start) {
    case .start: return try Padding(width: width, side: .end, fill: fill).applied(to: text, in: rendering)
    case .end: return try Padding(width: width, side: .start, fill: fill).applied(to: text, in: rendering)
    case .center:
      // Unlike `str.center`, the odd one always comes after the text.
      let missing = max(0, width - text.count)
      let left = try Padding(width: text.count + missing / 2, side: .start, fill: fill).applied(
        to: text, in: rendering)
      return try Padding(width: width, side: .end, fill: fill).applied(to: left, in: rendering)
    case .afterSign:
      let signEnd = text.bytes.prefix { "+- ".utf8.contains($0) }.count
      var result = text[0..<signEnd]
      let rest = Padding(width: width - signEnd, side: .start, fill: fill)
      result.append(try rest.applied(to: text[signEnd..<text.utf8Count], in: rendering))
      return result
    }
  }

  private func text(of integer: Int) throws -> TemplateText {
    let magnitude = integer.magnitude
    var digits: String
    switch type {
    case "b": digits = (isAlternate ? "0b" : "") + String(magnitude, radix: 2)
    case "o": digits = (isAlternate ? "0o" : "") + String(magnitude, radix: 8)
    case "x": digits = (isAlternate ? "0x" : "") + String(magnitude, radix: 16)
    case "X": digits = (isAlternate ? "0X" : "") + String(magnitude, radix: 16, uppercase: true)
    case "c":
      guard let scalar = UInt32(exactly: integer).flatMap({ Unicode.Scalar($0) }) else {
        throw TemplateProblem.failed("\(integer) is not a character")
      }
      return TemplateText(String(scalar), .content)
    default: digits = grouped(String(magnitude))
    }
    return TemplateText((integer < 0 ? "-" : sign) + digits, .content)
  }

  private func text(of number: Double) throws -> TemplateText {
    let digits = precision ?? 6
    guard digits <= Self.mostDigits else {
      throw TemplateProblem.limit("a number would have more than \(Self.mostDigits) digits")
    }
    let magnitude = number.magnitude
    var text: String
    switch type {
    case _ where !number.isFinite: text = number.isNaN ? "nan" : "inf"
    case "e", "E": text = String(format: "%.\(digits)e", magnitude)
    case "f", "F": text = String(format: "%.\(digits)f", magnitude)
    case "%": text = String(format: "%.\(digits)f", magnitude * 100) + "%"
    case "g", "G": text = String(format: "%.\(max(1, digits))g", magnitude)
    default:
      text = precision.map { String(format: "%.\(max(1, $0))g", magnitude) } ?? magnitude.pythonText
      // Without a type, a float keeps looking like one.
      if !text.contains(where: { ".e".contains($0) }) { text += ".0" }
    }
    if type == "E" || type == "G" || type == "F" { text = text.uppercased() }
    let end = text.firstIndex { !$0.isNumber } ?? text.endIndex
    text = grouped(String(text[..<end])) + text[end...]
    return TemplateText((number.sign == .minus && !number.isNaN ? "-" : sign) + text, .content)
  }

  private func grouped(_ digits: String) -> String {
    guard let grouping else { return digits }
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += grouping }
      result.append(digit)
    }
    return result
  }
}

/// Reads what stands between characters, one after the other.
struct FormatReader {
  private let characters: [(scalar: Unicode.Scalar, range: Range<Int>)]
  private var index = 0

  init(_ text: TemplateText) {
    var characters: [(Unicode.Scalar, Range<Int>)] = []
    text.forEachScalar { characters.append(($0, $1)) }
    self.characters = characters
  }

  var peek: Unicode.Scalar? { index < characters.count ? characters[index].scalar : nil }

  var afterNext: Unicode.Scalar? { index + 1 < characters.count ? characters[index + 1].scalar : nil }

  mutating func next() -> (scalar: Unicode.Scalar, range: Range<Int>)? {
    guard index < characters.count else { return nil }
    defer { index += 1 }
    return characters[index]
  }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    index += 1
    return true
  }

  /// - Throws: ``TemplateProblem`` for numbers of absurd size
  mutating func number() throws -> Int? {
    var value: Int?
    while let scalar = peek, ("0"..."9").contains(scalar) {
      let sum = (value ?? 0) * 10 + Int(scalar.value - 48)
      guard sum < 1 << 31 else { throw TemplateProblem.limit("a format has a number that is too large") }
      value = sum
      index += 1
    }
    return value
  }
}
