/// The tests that are known, by name: what follows `is`, and what `select` and its like take.
///
/// To add one, add a line here.
/// Source: jinja2/tests.py.
enum Tests {
  static let all: [String: Operation] = [
    "!=": comparison(.notEqual),
    "<": comparison(.less),
    "<=": comparison(.lessOrEqual),
    "==": comparison(.equal),
    ">": comparison(.greater),
    ">=": comparison(.greaterOrEqual),
    "boolean": test { value, _ in if case .bool = value { true } else { false } },
    "callable": test { value, _ in value.isCallable },
    "defined": test { value, _ in !value.isUndefined },
    "divisibleby": Operation(["num"], required: 1) { value, given, rendering in
      .bool(try isMultiple(value, of: given[0] ?? .null, plus: 0, rendering))
    },
    "eq": comparison(.equal),
    "equalto": comparison(.equal),
    "escaped": test { value, _ in if case .text(let text) = value { text.isSafe } else { false } },
    "even": test { value, rendering in try isMultiple(value, of: .int(2), plus: 0, rendering) },
    "false": test { value, _ in if case .bool(false) = value { true } else { false } },
    "filter": test { value, _ in
      if case .text(let name) = value { Filters.all[name.string] != nil } else { false }
    },
    "float": test { value, _ in if case .float = value { true } else { false } },
    "ge": comparison(.greaterOrEqual),
    "greaterthan": comparison(.greater),
    "gt": comparison(.greater),
    "in": comparison(.in),
    "integer": test { value, _ in
      switch value {
      case .int, .largeInteger: true
      default: false
      }
    },
    "iterable": test { value, _ in value.isIterable },
    "le": comparison(.lessOrEqual),
    "lessthan": comparison(.less),
    "lower": test { value, rendering in
      try value.text(in: rendering).hasCase { $0.isPythonUpper }
    },
    "lt": comparison(.less),
    "mapping": test { value, _ in if case .mapping = value { true } else { false } },
    "ne": comparison(.notEqual),
    "none": test { value, _ in value.isNull },
    "number": test { value, _ in value.isNumber },
    "odd": test { value, rendering in try isMultiple(value, of: .int(2), plus: 1, rendering) },
    "sameas": Operation(["other"], required: 1) { value, given, rendering in
      .bool(try isSame(value, given[0] ?? .null, rendering))
    },
    "sequence": test { value, _ in value.isSequence },
    "string": test { value, _ in if case .text = value { true } else { false } },
    "test": test { value, _ in if case .text(let name) = value { isKnown(name.string) } else { false } },
    "true": test { value, _ in if case .bool(true) = value { true } else { false } },
    "undefined": test { value, _ in value.isUndefined },
    "upper": test { value, rendering in
      try value.text(in: rendering).hasCase { $0.isPythonLower }
    },
  ]

  private static func isKnown(_ name: String) -> Bool { all[name] != nil }

  private static func test(
    _ holds: @escaping @Sendable (TemplateValue, Rendering) throws -> Bool
  ) -> Operation {
    Operation { value, _, rendering in .bool(try holds(value, rendering)) }
  }

  private static func comparison(_ comparison: Comparison.Operator) -> Operation {
    Operation(["other"], required: 1) { value, given, rendering in
      .bool(try Comparison.holds(value, comparison, given[0] ?? .null, in: rendering))
    }
  }

  private static func isMultiple(
    _ value: TemplateValue, of divisor: TemplateValue, plus rest: Int, _ rendering: Rendering
  ) throws -> Bool {
    if case .text = value { throw TemplateProblem.failed("a number is needed, not a string") }
    return try rendering.compute(value, .modulo, divisor).equals(.int(rest), in: rendering)
  }

  /// Whether it is the very same object, which can be told of booleans, none and objects with state only; of other
  /// values whether they are of one type and equal.
  private static func isSame(
    _ value: TemplateValue, _ other: TemplateValue, _ rendering: Rendering
  ) throws -> Bool {
    switch (value, other) {
    case (.bool, .bool), (.null, .null), (.object, .object), (.int, .int), (.float, .float), (.text, .text):
      try value.equals(other, in: rendering)
    default: false
    }
  }
}
