/// Values as text: Python's `str` and `repr`.
extension TemplateValue {
  /// What `{{ value }}` prints.
  /// - Throws: ``TemplateProblem`` when the text would be larger than a template is given
  func text(in rendering: Rendering) throws -> TemplateText {
    switch self {
    case .text(let text): return text
    case .undefined: return TemplateText()
    default: return try representation(in: rendering)
    }
  }

  /// What stands for the value within a printed list.
  func representation(in rendering: Rendering) throws -> TemplateText {
    var text = TemplateText()
    try write(to: &text, in: rendering)
    return text
  }

  private func write(to output: inout TemplateText, in rendering: Rendering) throws {
    let before = output.utf8Count
    switch self {
    case .undefined: output.append("Undefined", .content)
    case .null: output.append("None", .content)
    case .bool(let bool): output.append(bool ? "True" : "False", .content)
    case .int(let int): output.append(String(int), .content)
    case .largeInteger(let digits): output.append(digits, .content)
    case .float(let float): output.append(float.pythonText, .content)
    case .text(let text): text.writeQuoted(to: &output)
    case .list(let list): try list.write(to: &output, in: rendering)
    case .mapping(let mapping):
      output.append("{", .content)
      for index in mapping.keys.indices {
        if index > 0 { output.append(", ", .content) }
        try mapping.keys[index].write(to: &output, in: rendering)
        output.append(": ", .content)
        try mapping.values[index].write(to: &output, in: rendering)
      }
      output.append("}", .content)
    case .object(let object): output.append(try rendering.name(of: object), .content)
    case .callable(let callable): output.append("<function \(callable.name)>", .content)
    }
    try rendering.spend(bytes: output.utf8Count - before)
    try rendering.limits.check(text: output.utf8Count)
  }

  fileprivate static func write(
    _ elements: [TemplateValue], to output: inout TemplateText, in rendering: Rendering
  ) throws {
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(", ", .content) }
      try element.write(to: &output, in: rendering)
    }
  }
}

extension ListValue {
  fileprivate func write(to output: inout TemplateText, in rendering: Rendering) throws {
    var (open, close) = ("[", "]")
    switch kind {
    case .list: break
    case .tuple, .group: (open, close) = ("(", count == 1 ? ",)" : ")")
    case .view(let name): (open, close) = ("dict_\(name)([", "])")
    case .range(let start, let stop, let step):
      output.append("range(\(start), \(stop)\(step == 1 ? "" : ", \(step)"))", .content)
      return
    }
    output.append(open, .content)
    try TemplateValue.write(elements, to: &output, in: rendering)
    output.append(close, .content)
  }
}

extension TemplateText {
  /// Writes the string as a Python literal: in the quotes it does not hold, with escapes for what cannot be printed.
  fileprivate func writeQuoted(to output: inout TemplateText) {
    let doubles = bytes.contains(UInt8(ascii: "'")) && !bytes.contains(UInt8(ascii: "\""))
    let quote: Unicode.Scalar = doubles ? "\"" : "'"
    output.append(String(quote), .content)
    forEachScalar { scalar, range in
      let mark = mark(at: range.lowerBound)
      switch scalar {
      case quote, "\\": output.append("\\\(scalar)", mark)
      case "\n": output.append("\\n", mark)
      case "\r": output.append("\\r", mark)
      case "\t": output.append("\\t", mark)
      case _ where scalar.isPythonPrintable: output.append(bytes[range], mark)
      case "\0"..<"\u{100}": output.append("\\x" + scalar.hexadecimal(digits: 2), mark)
      case "\0"..<"\u{10000}": output.append("\\u" + scalar.hexadecimal(digits: 4), mark)
      default: output.append("\\U" + scalar.hexadecimal(digits: 8), mark)
      }
    }
    output.append(String(quote), .content)
  }
}

extension Unicode.Scalar {
  func hexadecimal(digits: Int) -> String { value.hexadecimal(digits: digits) }
}

extension BinaryInteger {
  /// The number to base 16 in small letters, with zeros in front.
  func hexadecimal(digits: Int) -> String {
    let text = String(self, radix: 16)
    return String(repeating: "0", count: Swift.max(0, digits - text.count)) + text
  }
}
