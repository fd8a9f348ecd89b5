import MotetFormats

/// Cuts at white space and leaves it out.
struct WhitespaceSplit: Splitter {
  static let type = "WhitespaceSplit"

  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }

  func split(_ words: inout Words) { words.cut(at: WhiteSpace.contains, .removed) }
}
