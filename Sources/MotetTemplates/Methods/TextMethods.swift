/// The methods of strings: those of Python's `str`.
///
/// To add one, add a line here.
enum TextMethods {
  static let all: [String: Operation] = [
    "capitalize": made { text, _, _ in text.capitalized },
    "casefold": made { text, _, _ in text.lowercased },
    "center": Operation(["width", "fillchar"], required: 1, padding(.center)),
    "count": Operation(["sub", "start", "end"], required: 1, count),
    "endswith": Operation(["suffix", "start", "end"], required: 1, affix { $0.hasSuffix($1) }),
    "find": Operation(["sub", "start", "end"], required: 1, find(isLast: false, isRequired: false)),
    "format": .variadic { value, given, rendering in
      let text = try value.text(in: rendering)
      return try rendering.made(try BraceFormat(text).filled(with: given.all, in: rendering))
    },
    "index": Operation(["sub", "start", "end"], required: 1, find(isLast: false, isRequired: true)),
    "isalnum": all { $0.isPythonAlphanumeric },
    "isalpha": all { $0.isPythonLetter },
    "isascii": Operation { value, _, rendering in
      .bool(try value.text(in: rendering).bytes.allSatisfy { $0 < 0x80 })
    },
    "isdecimal": all { $0.isPythonDecimal },
    "isdigit": all { $0.isPythonDigit },
    "islower": Operation { value, _, rendering in
      .bool(try value.text(in: rendering).hasCase { $0.isPythonUpper })
    },
    "isnumeric": all { $0.isPythonNumeric },
    "isspace": all { $0.isPythonSpace },
    "isupper": Operation { value, _, rendering in
      .bool(try value.text(in: rendering).hasCase { $0.isPythonLower })
    },
    "join": Operation(["iterable"], required: 1, join),
    "ljust": Operation(["width", "fillchar"], required: 1, padding(.end)),
    "lower": made { text, _, _ in text.lowercased },
    "lstrip": made(["chars"]) { text, given, _ in text.stripped(.start, of: try given.text(0)) },
    "partition": Operation(["sep"], required: 1, partition(isLast: false)),
    "removeprefix": made(["prefix"], required: 1) { text, given, _ in
      let prefix = try given.text(0) ?? TemplateText()
      return text.hasPrefix(prefix) ? text[prefix.utf8Count..<text.utf8Count] : text
    },
    "removesuffix": made(["suffix"], required: 1) { text, given, _ in
      let suffix = try given.text(0) ?? TemplateText()
      return text.hasSuffix(suffix) ? text[0..<(text.utf8Count - suffix.utf8Count)] : text
    },
    "replace": made(["old", "new", "count"], required: 2) { text, given, rendering in
      let (old, new) = (try given.text(0) ?? TemplateText(), try given.text(1) ?? TemplateText())
      return try text.replacing(old, with: new, limit: try given.int(2), in: rendering)
    },
    "rfind": Operation(["sub", "start", "end"], required: 1, find(isLast: true, isRequired: false)),
    "rindex": Operation(["sub", "start", "end"], required: 1, find(isLast: true, isRequired: true)),
    "rjust": Operation(["width", "fillchar"], required: 1, padding(.start)),
    "rpartition": Operation(["sep"], required: 1, partition(isLast: true)),
    "rsplit": Operation(["sep", "maxsplit"], split(fromEnd: true)),
    "rstrip": made(["chars"]) { text, given, _ in text.stripped(.end, of: try given.text(0)) },
    "split": Operation(["sep", "maxsplit"], split(fromEnd: false)),
    "splitlines": Operation(["keepends"]) { value, given, rendering in
      let keepsEnds = given.isTrue(0, in: rendering)
      return try rendering.made(try value.text(in: rendering).lines(keepingEnds: keepsEnds))
    },
    "startswith": Operation(["prefix", "start", "end"], required: 1, affix { $0.hasPrefix($1) }),
    "strip": made(["chars"]) { text, given, _ in text.stripped(.both, of: try given.text(0)) },
    "swapcase": made { text, _, _ in text.swappedCase },
    "title": made { text, _, _ in text.titlecased },
    "upper": made { text, _, _ in text.uppercased },
    "zfill": Operation(["width"], required: 1, zfill),
  ]

  /// A method that gives a string.
  private static func made(
    _ parameters: [String] = [], required: Int = 0,
    _ body: @escaping @Sendable (TemplateText, Given, Rendering) throws -> TemplateText
  ) -> Operation {
    Operation(parameters, required: required) { value, given, rendering in
      try rendering.made(try body(try value.text(in: rendering), given, rendering))
    }
  }

  /// Whether there are characters and all are such.
  private static func all(_ isSuch: @escaping @Sendable (Unicode.Scalar) -> Bool) -> Operation {
    Operation { value, _, rendering in
      let text = try value.text(in: rendering)
      return .bool(!text.isEmpty && text.string.unicodeScalars.allSatisfy(isSuch))
    }
  }
}

// MARK: - Finding

extension TextMethods {
  /// The bytes between the characters number `start` and `end`, by the rules of slices; nil where they are crossed.
  private static func range(_ text: TemplateText, _ given: Given) throws -> Range<Int>? {
    guard given.some(1) != nil || given.some(2) != nil else { return 0..<text.utf8Count }
    let count = text.count
    func place(_ index: Int) -> Int { index < 0 ? max(0, index + count) : index }
    let start = place(try given.int(1) ?? 0)
    let end = min(count, place(try given.int(2) ?? count))
    guard start <= end else { return nil }
    return text.offset(of: start)..<text.offset(of: end)
  }

  private static func find(isLast: Bool, isRequired: Bool) -> Operation.Body {
    { value, given, rendering in
      let text = try value.text(in: rendering)
      let part = try given.text(0) ?? TemplateText()
      let range = try range(text, given)
      let found = range.flatMap {
        isLast ? text.lastRange(of: part, in: $0) : text.firstRange(of: part, in: $0)
      }
      if let found { return .int(text[0..<found.lowerBound].count) }
      guard !isRequired else {
        throw TemplateProblem.failed("the string does not hold '\(part.string.prefix(40))'")
      }
      return .int(-1)
    }
  }

  private static func count(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    let text = try value.text(in: rendering)
    let part = try given.text(0) ?? TemplateText()
    guard let range = try range(text, given) else { return .int(0) }
    let searched = text[range]
    return .int(part.isEmpty ? searched.count + 1 : searched.ranges(of: part).count)
  }

  /// Whether the text begins or ends with a string, or with one of a tuple.
  private static func affix(
    _ holds: @escaping @Sendable (TemplateText, TemplateText) -> Bool
  ) -> Operation.Body {
    { value, given, rendering in
      let text = try value.text(in: rendering)
      guard let range = try range(text, given) else { return .bool(false) }
      let part = text[range]
      guard case .list(let choices)? = given[0], choices.isTuple else {
        if let other = given[0], other.isNull { throw TemplateProblem.failed("a string is needed, not none") }
        return .bool(holds(part, try given.text(0) ?? TemplateText()))
      }
      return .bool(
        try choices.elements.contains { choice in
          guard case .text(let affix) = choice else {
            throw TemplateProblem.failed("a tuple of strings is needed")
          }
          return holds(part, affix)
        })
    }
  }
}

// MARK: - Splitting and joining

extension TextMethods {
  private static func split(fromEnd: Bool) -> Operation.Body {
    { value, given, rendering in
      let text = try value.text(in: rendering)
      let limit = try given.int(1).map { $0 < 0 ? .max : $0 } ?? .max
      guard let separator = try given.text(0) else {
        return try rendering.made(fromEnd ? text.wordsFromEnd(limit: limit) : text.words(limit: limit))
      }
      guard !separator.isEmpty else { throw TemplateProblem.failed("the separator of split is empty") }
      let found =
        fromEnd ? text.rangesFromEnd(of: separator, limit: limit) : text.ranges(of: separator, limit: limit)
      return try rendering.made(text.parts(between: found))
    }
  }

  private static func partition(isLast: Bool) -> Operation.Body {
    { value, given, rendering in
      let text = try value.text(in: rendering)
      let separator = try given.text(0) ?? TemplateText()
      guard !separator.isEmpty else { throw TemplateProblem.failed("the separator of partition is empty") }
      let whole = 0..<text.utf8Count
      let found =
        isLast ? text.lastRange(of: separator, in: whole) : text.firstRange(of: separator, in: whole)
      let empty = TemplateText()
      let parts =
        found.map { [text[0..<$0.lowerBound], text[$0], text[$0.upperBound..<text.utf8Count]] }
        ?? (isLast ? [empty, empty, text] : [text, empty, empty])
      return try rendering.made(parts.map { .text($0) }, .tuple)
    }
  }

  private static func join(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    let separator = try value.text(in: rendering)
    var result = TemplateText()
    for (index, element) in try (given[0] ?? .null).elements(in: rendering).enumerated() {
      guard case .text(let text) = element else {
        throw TemplateProblem.failed("join needs strings, and element \(index) is \(element.typeName)")
      }
      if index > 0 { result.append(separator) }
      result.append(text)
      try rendering.limits.check(text: result.utf8Count)
      try rendering.spend(1)
    }
    return try rendering.made(result)
  }
}

// MARK: - Padding

extension TextMethods {
  private static func padding(_ side: Padding.Side) -> Operation.Body {
    { value, given, rendering in
      var padding = Padding(width: try given.int(0) ?? 0, side: side)
      if let fill = try given.text(1) {
        guard fill.count == 1 else { throw TemplateProblem.failed("the text is filled with one character") }
        padding.fill = fill
      }
      return try rendering.made(try padding.applied(to: try value.text(in: rendering), in: rendering))
    }
  }

  private static func zfill(_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws
    -> TemplateValue
  {
    let text = try value.text(in: rendering)
    let hasSign = text.bytes.first == UInt8(ascii: "-") || text.bytes.first == UInt8(ascii: "+")
    let signEnd = hasSign ? 1 : 0
    let width = try given.int(0) ?? 0
    let padding = Padding(
      width: width.subtractingReportingOverflow(signEnd).partialValue, side: .start,
      fill: TemplateText("0", .content))
    var result = text[0..<signEnd]
    result.append(try padding.applied(to: text[signEnd..<text.utf8Count], in: rendering))
    return try rendering.made(result)
  }
}

/// Fills a text to a width, in characters.
struct Padding {
  /// Where the fill goes.
  enum Side { case start, end, center }

  var width: Int
  var side: Side
  var fill = TemplateText(" ", .content)

  /// - Throws: ``TemplateProblem`` when the width is larger than a template is given
  func applied(to text: TemplateText, in rendering: Rendering) throws -> TemplateText {
    let count = text.count
    guard width > count else { return text }
    let missing = width - count
    try rendering.limits.check(text: Arithmetic.product(missing, fill.utf8Count))
    let before =
      switch side {
      case .start: missing
      case .end: 0
      // Python puts the odd one before the text if the width is odd.
      case .center: missing / 2 + (missing & width & 1)
      }
    var result = TemplateText()
    for _ in 0..<before { result.append(fill) }
    result.append(text)
    for _ in 0..<(missing - before) { result.append(fill) }
    result.isSafe = text.isSafe
    return result
  }
}
