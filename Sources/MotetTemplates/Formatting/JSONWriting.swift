/// Writes a value as JSON, byte for byte as `json.dumps` of Python does.
///
/// `transformers` puts this in place of jinja2's own `tojson`: nothing is escaped for HTML, and letters beyond ASCII
/// stay. Strings keep their origin; brackets, numbers and escapes count as content.
struct JSONWriting {
  /// What one level is indented by; nil writes everything on one line.
  var indent: TemplateText?
  var itemSeparator = TemplateText(", ", from: .content)
  var keySeparator = TemplateText(": ", from: .content)
  var escapesNonASCII = false
  var sortsKeys = false

  /// - Throws: ``TemplateProblem`` for values that JSON does not have
  func text(of value: TemplateValue, in rendering: Rendering) throws -> TemplateText {
    var output = TemplateText()
    try write(value, level: 0, to: &output, in: rendering)
    return output
  }

  private func write(
    _ value: TemplateValue, level: Int, to output: inout TemplateText, in rendering: Rendering
  ) throws {
    let before = output.utf8Count
    switch value {
    case .null: output.append("null", .content)
    case .bool(let bool): output.append(bool ? "true" : "false", .content)
    case .int(let int): output.append(String(int), .content)
    case .largeInteger(let digits): output.append(digits, .content)
    case .float(let float): output.append(float.jsonText, .content)
    case .text(let text): write(text, to: &output)
    case .list(let list) where list.isTuple || list.kind == .list:
      try write(list.elements, in: ("[", "]"), level: level, to: &output, rendering) { element, output in
        try write(element, level: level + 1, to: &output, in: rendering)
      }
    case .mapping(let mapping):
      let members = try members(of: mapping, in: rendering)
      try write(members, in: ("{", "}"), level: level, to: &output, rendering) { member, output in
        write(member.key, to: &output)
        output.append(keySeparator)
        try write(member.value, level: level + 1, to: &output, in: rendering)
      }
    case .undefined(let undefined): throw undefined.problem
    case .list, .object, .callable:
      throw TemplateProblem.failed("\(value.typeName) cannot be written as JSON")
    }
    try rendering.spend(bytes: output.utf8Count - before)
    try rendering.limits.check(text: output.utf8Count)
  }

  private func write<Element>(
    _ elements: [Element], in brackets: (open: String, close: String), level: Int,
    to output: inout TemplateText,
    _ rendering: Rendering, each: (Element, inout TemplateText) throws -> Void
  ) throws {
    output.append(brackets.open, .content)
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(itemSeparator) }
      try breakLine(level: level + 1, in: &output, rendering)
      try each(element, &output)
    }
    if !elements.isEmpty { try breakLine(level: level, in: &output, rendering) }
    output.append(brackets.close, .content)
  }

  private func breakLine(level: Int, in output: inout TemplateText, _ rendering: Rendering) throws {
    guard let indent else { return }
    try rendering.limits.check(text: output.utf8Count + level * indent.utf8Count)
    output.append("\n", .content)
    for _ in 0..<level { output.append(indent) }
  }

  /// The members with their names as JSON has them.
  private func members(
    of mapping: MappingValue, in rendering: Rendering
  ) throws -> [(key: TemplateText, value: TemplateValue)] {
    var order = Array(mapping.keys.indices)
    if sortsKeys {
      order = try rendering.sorted(order) { try mapping.keys[$0].isBefore(mapping.keys[$1], in: rendering) }
    }
    return try order.map { index in
      let key: TemplateText
      switch mapping.keys[index] {
      case .text(let text): key = text
      case .null: key = TemplateText("null", .content)
      case .bool(let bool): key = TemplateText(bool ? "true" : "false", .content)
      case .int(let int): key = TemplateText(String(int), .content)
      case .float(let float): key = TemplateText(float.jsonText, .content)
      case let other: throw TemplateProblem.failed("\(other.typeName) cannot be a name in JSON")
      }
      return (key, mapping.values[index])
    }
  }

  private func write(_ text: TemplateText, to output: inout TemplateText) {
    output.append("\"", .content)
    var plain = 0
    text.forEachScalar { scalar, range in
      guard let escape = escape(of: scalar) else { return }
      output.append(text, in: plain..<range.lowerBound)
      output.append(escape, text.mark(at: range.lowerBound))
      plain = range.upperBound
    }
    output.append(text, in: plain..<text.utf8Count)
    output.append("\"", .content)
  }

  private func escape(of scalar: Unicode.Scalar) -> String? {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\u{8}": return "\\b"
    case "\u{C}": return "\\f"
    case "\0"..<" ": return "\\u" + scalar.hexadecimal(digits: 4)
    case " "..<"\u{7F}": return nil
    default:
      return escapesNonASCII
        ? String(scalar).utf16.map { "\\u" + $0.hexadecimal(digits: 4) }.joined() : nil
    }
  }
}

extension Double {
  fileprivate var jsonText: String {
    isFinite ? pythonText : isNaN ? "NaN" : self < 0 ? "-Infinity" : "Infinity"
  }
}
