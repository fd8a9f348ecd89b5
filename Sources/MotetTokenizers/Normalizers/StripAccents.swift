import MotetFormats

/// Leaves combining marks out. It works on decomposed text only: `é` as one character stays.
struct StripAccents: Normalizer {
  static let type = "StripAccents"

  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }

  func normalize(_ text: AlignedText) -> AlignedText {
    if text.isASCII { return text }
    return text.rewritten { value, origin, writer in
      if !Self.marks.contains(value) { writer.append(value, from: origin) }
    }
  }

  private static let marks = ScalarSet(GeneralCategory.named("m") ?? [], asOf: .combiningMarks)
}
