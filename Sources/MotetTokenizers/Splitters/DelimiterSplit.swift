import MotetFormats

/// Cuts at one character and leaves it out.
struct DelimiterSplit: Splitter {
  static let type = "CharDelimiterSplit"

  let delimiter: Unicode.Scalar

  init(_ fields: StepFields) throws { delimiter = try fields.character("delimiter") }

  var fields: [String: JSONValue] { ["delimiter": .string(String(delimiter))] }

  func split(_ words: inout Words) { words.cut(at: { $0 == delimiter.value }, .removed) }
}
