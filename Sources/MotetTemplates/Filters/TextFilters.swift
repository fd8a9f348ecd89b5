/// Filters that make text of text.
/// Source: jinja2/filters.py.
enum TextFilters {
  static func upper(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try rendering.made(try value.text(in: rendering).uppercased)
  }

  static func lower(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try rendering.made(try value.text(in: rendering).lowercased)
  }

  static func capitalize(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    try rendering.made(try value.text(in: rendering).capitalized)
  }

  static func title(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try rendering.made(try value.text(in: rendering).filterTitlecased)
  }

  static func trim(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try rendering.made(try value.text(in: rendering).stripped(.both, of: try given.text(0)))
  }

  static func string(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    try rendering.made(try value.text(in: rendering))
  }

  static func safe(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    var text = try value.text(in: rendering)
    text.isSafe = true
    return try rendering.made(text)
  }

  static func escape(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let text = try value.text(in: rendering)
    return text.isSafe ? .text(text) : try rendering.made(text.escaped)
  }

  static func forceEscape(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    try rendering.made(try value.text(in: rendering).escaped)
  }

  static func center(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let text = try value.text(in: rendering)
    let padding = Padding(width: try given.int(0) ?? 80, side: .center)
    return try rendering.made(try padding.applied(to: text, in: rendering))
  }

  static func replace(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue
  {
    let text = try value.text(in: rendering)
    let old = try given[0]?.text(in: rendering) ?? TemplateText()
    let new = try given[1]?.text(in: rendering) ?? TemplateText()
    return try rendering.made(try text.replacing(old, with: new, limit: try given.int(2), in: rendering))
  }

  /// Every line but the first is indented, and empty lines are not.
  static func indent(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    var text = try value.text(in: rendering)
    let indentation: TemplateText
    if case .text(let own)? = given[0] {
      indentation = own
    } else {
      let width = max(0, try given.int(0) ?? 4)
      try rendering.limits.check(text: width)
      indentation = TemplateText(String(repeating: " ", count: width), .content)
    }
    let (isFirstIndented, isBlankIndented) = (
      given.isTrue(1, in: rendering), given.isTrue(2, in: rendering)
    )
    let isSafe = text.isSafe
    text.append("\n", .content)
    var result = TemplateText()
    for (index, line) in text.lines().enumerated() {
      if index > 0 { result.append("\n", .content) }
      if index == 0 ? isFirstIndented : isBlankIndented || !line.isEmpty { result.append(indentation) }
      result.append(line)
      try rendering.limits.check(text: result.utf8Count)
    }
    result.isSafe = isSafe
    return try rendering.made(result)
  }

  static func truncate(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue
  {
    let text = try value.text(in: rendering)
    let length = try given.int(0) ?? 255
    let end = try given.text(2) ?? TemplateText("...", .content)
    let leeway = try given.int(3) ?? 5
    let room = length.subtractingReportingOverflow(end.count)
    guard !room.overflow, room.partialValue >= 0, leeway >= 0 else {
      throw TemplateProblem.failed(
        "truncate needs a length of at least \(end.count) and a leeway of at least 0")
    }
    if text.count <= length.addingReportingOverflow(leeway).partialValue { return .text(text) }
    var result = text[0..<text.offset(of: room.partialValue)]
    if !given.isTrue(1, in: rendering),
      let space = result.lastRange(of: TemplateText(" ", .content), in: 0..<result.utf8Count)
    {
      result = result[0..<space.lowerBound]
    }
    result.append(end)
    return try rendering.made(result)
  }

  static func wordcount(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    var (words, isInWord) = (0, false)
    for scalar in try value.text(in: rendering).string.unicodeScalars {
      let continues = scalar.isPythonAlphanumeric || scalar == "_"
      if continues, !isInWord { words += 1 }
      isInWord = continues
    }
    return .int(words)
  }

  static func format(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    let format = PercentFormat(try value.text(in: rendering))
    let arguments = given.all
    guard arguments.named.isEmpty || arguments.positional.isEmpty else {
      throw TemplateProblem.failed("format takes either names or values, not both")
    }
    let values: TemplateValue =
      arguments.named.isEmpty
      ? .list(try ListValue(arguments.positional, .tuple)) : try .mapping(arguments.named, names: .template)
    return try rendering.made(try format.filled(with: values, in: rendering))
  }

  static func tojson(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue {
    var writing = JSONWriting()
    writing.escapesNonASCII = given.isTrue(0, in: rendering)
    if case .text(let indent)? = given[1] {
      writing.indent = indent
    } else if let width = try given.int(1) {
      try rendering.limits.check(text: max(0, width))
      writing.indent = TemplateText(String(repeating: " ", count: max(0, width)), .content)
    }
    if writing.indent != nil { writing.itemSeparator = TemplateText(",", .content) }
    if let separators = given.some(2) {
      let parts = try separators.elements(in: rendering)
      guard parts.count == 2, case .text(let item) = parts[0], case .text(let key) = parts[1] else {
        throw TemplateProblem.failed("'separators' of tojson must be two strings")
      }
      (writing.itemSeparator, writing.keySeparator) = (item, key)
    }
    writing.sortsKeys = given.isTrue(3, in: rendering)
    return try rendering.made(try writing.text(of: value, in: rendering))
  }

  /// Bytes that URLs give a meaning are written as `%` with two digits.
  static func urlencode(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    guard case .mapping(let mapping) = value else {
      return try rendering.made(encoded(try value.text(in: rendering), keepsSlash: true))
    }
    var result = TemplateText()
    for (key, value) in zip(mapping.keys, mapping.values) {
      if !result.isEmpty { result.append("&", .content) }
      result.append(encoded(try key.text(in: rendering), keepsSlash: false))
      result.append("=", .content)
      result.append(encoded(try value.text(in: rendering), keepsSlash: false))
    }
    return try rendering.made(result)
  }

  private static func encoded(_ text: TemplateText, keepsSlash: Bool) -> TemplateText {
    text.mapScalars { scalar, _ in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "-", "~": String(scalar)
      case "/" where keepsSlash: "/"
      case " " where !keepsSlash: "+"
      default: String(scalar).utf8.map { "%" + $0.hexadecimal(digits: 2).uppercased() }.joined()
      }
    }
  }
}

extension TemplateText {
  /// - Parameter limit: how many are replaced at most; nil or a negative number: all
  /// - Throws: ``TemplateProblem`` when the result would be larger than a template is given
  func replacing(
    _ old: TemplateText, with new: TemplateText, limit: Int?, in rendering: Rendering
  ) throws -> TemplateText {
    let limit = limit.map { $0 < 0 ? .max : $0 } ?? .max
    try rendering.spend(scanning: utf8Count + old.utf8Count)
    let found: [Range<Int>]
    if old.isEmpty {
      // Between all characters, and at both ends.
      var places = [0..<0]
      forEachScalar { places.append($1.upperBound..<$1.upperBound) }
      found = Array(places.prefix(limit))
    } else {
      found = ranges(of: old, limit: limit)
    }
    let added = Arithmetic.product(found.count, new.utf8Count)
    try rendering.limits.check(
      text: added.addingReportingOverflow(utf8Count).overflow ? .max : added + utf8Count)
    var result = TemplateText()
    var start = 0
    for range in found {
      result.append(self, in: start..<range.lowerBound)
      result.append(new)
      start = range.upperBound
    }
    result.append(self, in: start..<utf8Count)
    return result
  }
}
