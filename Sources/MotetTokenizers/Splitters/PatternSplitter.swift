import MotetFormats

/// Cuts at the matches of a pattern.
struct PatternSplitter: Splitter {
  static let type = "Split"

  let pattern: TextPattern
  let behavior: SplitBehavior
  let isInverted: Bool

  init(_ fields: StepFields) throws {
    pattern = try TextPattern(fields)
    behavior = try SplitBehavior(fields)
    isInverted = try fields.bool("invert")
  }

  /// Isolates the matches of a regular expression.
  ///
  /// - Throws: ``PatternError``
  init(isolating expression: String) throws {
    pattern = try TextPattern(expression: expression)
    behavior = .isolated
    isInverted = false
  }

  var fields: [String: JSONValue] {
    ["pattern": pattern.json, "behavior": .string(behavior.rawValue), "invert": .bool(isInverted)]
  }

  func split(_ words: inout Words) { words.cut(at: pattern, behavior, inverted: isInverted) }
}
