import MotetFormats

/// Writes spaces as a visible character, usually `▁`, and cuts before each.
struct MetaspaceSplitter: Splitter {
  static let type = "Metaspace"

  /// Which words get the character before them if they do not begin with it.
  enum Prepending: String, Sendable {
    case first, never, always
  }

  let replacement: Unicode.Scalar
  let prepending: Prepending
  let cuts: Bool

  init(_ fields: StepFields) throws {
    replacement = try fields.character("replacement")
    prepending = try Self.prepending(fields)
    cuts = try fields.bool("split", or: true)
  }

  init(prepending: Prepending, cuts: Bool) {
    replacement = "▁"
    self.prepending = prepending
    self.cuts = cuts
  }

  var fields: [String: JSONValue] {
    [
      "replacement": .string(String(replacement)), "prepend_scheme": .string(prepending.rawValue),
      "split": .bool(cuts),
    ]
  }

  /// The member `prepend_scheme`, which older files write as `add_prefix_space`.
  static func prepending(_ fields: StepFields) throws -> Prepending {
    let name = try fields.optionalString("prepend_scheme")
    guard let prepending = name.map({ Prepending(rawValue: $0) }) ?? .always else {
      throw fields.unsupported("the prepend_scheme '\(name ?? "")' (known are first, never, always)")
    }
    if try fields.optionalBool("add_prefix_space") == false {
      guard name == nil || prepending == .never else {
        throw fields.malformed(
          "add_prefix_space", "does not go with the prepend_scheme '\(prepending.rawValue)'")
      }
      return .never
    }
    return prepending
  }

  func split(_ words: inout Words) {
    let mark = replacement.value
    words.rewrite { word, text, writer in
      let first = text.origin(of: word.lowerBound)
      text.withBytes { bytes in
        let head = bytes.scalar(at: word.lowerBound).value
        let begins = head == mark || head == 0x20
        if !begins, prepending == .always || prepending == .first && first == 0 {
          writer.append(mark, from: first)
        }
        var position = word.lowerBound
        while position < word.upperBound {
          let (value, end) = bytes.scalar(at: position)
          writer.append(value == 0x20 ? mark : value, from: text.origin(of: position))
          position = end
        }
      }
    }
    if cuts { words.cut(at: { $0 == mark }, .mergedWithNext) }
  }
}
