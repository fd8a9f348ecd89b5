/// `text % values`, as in C.
/// Source: docs.python.org/3/library/stdtypes.html, "printf-style String Formatting".
struct PercentFormat {
  private let format: TemplateText

  init(_ format: TemplateText) { self.format = format }

  /// - Throws: ``TemplateProblem`` for values that are missing, left over or of the wrong type
  func filled(with value: TemplateValue, in rendering: Rendering) throws -> TemplateText {
    var values = Values(value)
    var result = TemplateText()
    var reader = FormatReader(format)
    while let (scalar, range) = reader.next() {
      guard scalar == "%" else {
        result.append(format, in: range)
        continue
      }
      if reader.take("%") {
        result.append("%", format.mark(at: range.lowerBound))
        continue
      }
      var name: TemplateText?
      if reader.take("(") {
        var start: Int?
        var end = 0
        while let (scalar, range) = reader.next(), scalar != ")" {
          (start, end) = (start ?? range.lowerBound, range.upperBound)
        }
        name = start.map { format[$0..<end] } ?? TemplateText()
      }
      result.append(try conversion(&reader, &values, named: name, in: rendering))
      try rendering.limits.check(text: result.utf8Count)
    }
    try values.checkAllUsed()
    return result
  }

  private func conversion(
    _ reader: inout FormatReader, _ values: inout Values, named name: TemplateText?, in rendering: Rendering
  ) throws -> TemplateText {
    var specification = FormatSpecification()
    specification.alignment = .end
    var fillsWithZeros = false
    while let flag = reader.peek, "-+ #0".unicodeScalars.contains(flag) {
      _ = reader.next()
      switch flag {
      case "-": specification.alignment = .start
      case "+": specification.sign = "+"
      case " ": if specification.sign.isEmpty { specification.sign = " " }
      case "#": specification.isAlternate = true
      default: fillsWithZeros = true
      }
    }
    if reader.take("*") {
      specification.width = try values.next(nil).integer ?? 0
      if specification.width < 0 {
        specification.alignment = .start
        specification.width = specification.width == .min ? .max : -specification.width
      }
    } else {
      specification.width = try reader.number() ?? 0
    }
    if reader.take(".") {
      specification.precision =
        reader.take("*") ? max(0, try values.next(nil).integer ?? 0) : try reader.number() ?? 0
    }
    while let length = reader.peek, "hlL".unicodeScalars.contains(length) { _ = reader.next() }
    guard let (type, _) = reader.next() else {
      throw TemplateProblem.failed("a format ends within a conversion")
    }
    let value = try values.next(name)
    let isNumber = "diueEfFgGxXo".unicodeScalars.contains(type)
    if isNumber, fillsWithZeros, specification.alignment == .end {
      specification.fill = TemplateText("0", .content)
      specification.alignment = .afterSign
    }
    switch type {
    case "s":
      specification.type = "s"
      return try specification.text(of: value, in: rendering)
    case "r", "a":
      specification.type = "s"
      return try specification.text(of: .text(try value.representation(in: rendering)), in: rendering)
    case "d", "i", "u":
      specification.type = "d"
      specification.precision = nil
      if case .float(let float) = value {
        return try specification.text(of: .int(try Arithmetic.integer(float)), in: rendering)
      }
      return try specification.text(of: value, in: rendering)
    case "c" where value.integer == nil:
      guard case .text(let text) = value, text.count == 1 else {
        throw TemplateProblem.failed("%c needs one character")
      }
      specification.type = "s"
      specification.precision = nil
      return try specification.text(of: value, in: rendering)
    case "e", "E", "f", "F", "g", "G", "x", "X", "o", "c":
      specification.type = Character(type)
      return try specification.text(of: value, in: rendering)
    default: throw TemplateProblem.failed("'%\(type)' is not a format")
    }
  }

  /// The values of a format, in their order or by name.
  private struct Values {
    private let value: TemplateValue
    private let list: [TemplateValue]
    private var used = 0

    init(_ value: TemplateValue) {
      self.value = value
      if case .list(let tuple) = value, tuple.isTuple { list = tuple.elements } else { list = [value] }
    }

    mutating func next(_ name: TemplateText?) throws -> TemplateValue {
      if let name {
        guard case .mapping(let mapping) = value else {
          throw TemplateProblem.failed("the format needs a mapping")
        }
        used = list.count
        guard let member = mapping[name] else {
          throw TemplateProblem.failed(
            "the format needs '\(name.string.prefix(40))', which the mapping lacks")
        }
        return member
      }
      guard used < list.count else {
        throw TemplateProblem.failed("there are fewer values than the format needs")
      }
      used += 1
      return list[used - 1]
    }

    func checkAllUsed() throws {
      if case .mapping = value { return }
      // Python lets a list pass that a format does not use.
      if case .list(let other) = value, !other.isTuple { return }
      guard used == list.count else {
        throw TemplateProblem.failed("there are more values than the format needs")
      }
    }
  }
}
