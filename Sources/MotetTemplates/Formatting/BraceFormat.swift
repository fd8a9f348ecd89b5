/// `text.format(values)`.
/// Source: docs.python.org/3/library/string.html, "Format String Syntax".
struct BraceFormat {
  private let format: TemplateText

  init(_ format: TemplateText) { self.format = format }

  /// - Throws: ``TemplateProblem`` for fields that are missing or malformed
  func filled(with arguments: Arguments, in rendering: Rendering) throws -> TemplateText {
    var automatic = 0
    return try filled(with: arguments, &automatic, depth: 0, in: rendering)
  }

  private func filled(
    with arguments: Arguments, _ automatic: inout Int, depth: Int, in rendering: Rendering
  ) throws -> TemplateText {
    guard depth < 3 else { throw TemplateProblem.failed("a format is nested too deeply") }
    var result = TemplateText()
    var reader = FormatReader(format)
    while let (scalar, range) = reader.next() {
      switch scalar {
      case "{" where reader.take("{"), "}" where reader.take("}"):
        result.append(format, in: range)
      case "}": throw TemplateProblem.failed("a format has a single '}'")
      case "{":
        let field = try field(&reader)
        var value = try self.value(of: field.name, arguments, &automatic, in: rendering)
        switch field.conversion {
        case nil: break
        case "s": value = .text(try value.text(in: rendering))
        case "r", "a": value = .text(try value.representation(in: rendering))
        case let other?: throw TemplateProblem.failed("'!\(other)' is not a conversion")
        }
        let specification = try BraceFormat(field.specification).filled(
          with: arguments, &automatic, depth: depth + 1, in: rendering)
        result.append(try Self.specification(specification).text(of: value, in: rendering))
        try rendering.limits.check(text: result.utf8Count)
      default: result.append(format, in: range)
      }
    }
    return result
  }

  /// What stands between braces, up to the closing one.
  private func field(
    _ reader: inout FormatReader
  ) throws -> (name: TemplateText, conversion: Unicode.Scalar?, specification: TemplateText) {
    var name = TemplateText()
    var isInBrackets = false
    while let scalar = reader.peek, isInBrackets || !"!:}".unicodeScalars.contains(scalar) {
      guard let (scalar, range) = reader.next(), scalar != "{" else { break }
      if scalar == "[" { isInBrackets = true }
      if scalar == "]" { isInBrackets = false }
      name.append(format, in: range)
    }
    var conversion: Unicode.Scalar?
    if reader.take("!") { conversion = reader.next()?.scalar }
    var specification = TemplateText()
    if reader.take(":") {
      var depth = 0
      while let scalar = reader.peek, depth > 0 || scalar != "}" {
        if scalar == "{" { depth += 1 }
        if scalar == "}" { depth -= 1 }
        if let (_, range) = reader.next() { specification.append(format, in: range) }
      }
    }
    guard reader.take("}") else { throw TemplateProblem.failed("a format has a single '{'") }
    return (name, conversion, specification)
  }

  private func value(
    of field: TemplateText, _ arguments: Arguments, _ automatic: inout Int, in rendering: Rendering
  ) throws -> TemplateValue {
    let name = field.string
    let headEnd = name.firstIndex { $0 == "." || $0 == "[" } ?? name.endIndex
    let head = name[..<headEnd]
    var value: TemplateValue
    if head.isEmpty || head.allSatisfy(\.isNumber) {
      let index = Int(head) ?? automatic
      if head.isEmpty { automatic += 1 }
      guard arguments.positional.indices.contains(index) else {
        throw TemplateProblem.failed("there are fewer values than the format needs")
      }
      value = arguments.positional[index]
    } else {
      guard let named = arguments.named.first(where: { $0.name == head }) else {
        throw TemplateProblem.failed("the format needs '\(head)', which is not given")
      }
      value = named.value
    }
    var rest = name[headEnd...]
    while let first = rest.first {
      rest.removeFirst()
      let end = rest.firstIndex { first == "[" ? $0 == "]" : $0 == "." || $0 == "[" } ?? rest.endIndex
      let part = String(rest[..<end])
      if first == "[" {
        let key = Int(part).map { TemplateValue.int($0) } ?? .string(part)
        value = try rendering.element(key, of: value)
        rest = rest[end...].dropFirst()
      } else {
        value = try rendering.attribute(part, of: value)
        rest = rest[end...]
      }
    }
    return value
  }

  private static func specification(_ text: TemplateText) throws -> FormatSpecification {
    var specification = FormatSpecification()
    var reader = FormatReader(text)
    func alignment(_ scalar: Unicode.Scalar?) -> FormatSpecification.Alignment? {
      switch scalar {
      case "<": .start
      case ">": .end
      case "^": .center
      case "=": .afterSign
      default: nil
      }
    }
    if let given = alignment(reader.afterNext), let (_, range) = reader.next() {
      specification.fill = text[range]
      specification.alignment = given
      _ = reader.next()
    } else if let given = alignment(reader.peek) {
      specification.alignment = given
      _ = reader.next()
    }
    if let sign = reader.peek, "+- ".unicodeScalars.contains(sign) {
      specification.sign = sign == "-" ? "" : String(sign)
      _ = reader.next()
    }
    specification.isAlternate = reader.take("#")
    if reader.take("0"), specification.alignment == nil {
      specification.fill = TemplateText("0", .content)
      specification.alignment = .afterSign
    }
    specification.width = try reader.number() ?? 0
    if let grouping = reader.peek, grouping == "," || grouping == "_" {
      specification.grouping = String(grouping)
      _ = reader.next()
    }
    if reader.take(".") { specification.precision = try reader.number() ?? 0 }
    if let (type, _) = reader.next() { specification.type = Character(type) }
    guard reader.peek == nil else {
      throw TemplateProblem.failed("'\(text.string.prefix(40))' is not a format")
    }
    return specification
  }
}
