import MotetFormats

/// Writes every character in small letters, one by one: a final sigma is not told from another.
struct Lowercase: Normalizer {
  static let type = "Lowercase"

  init(_ fields: StepFields = StepFields()) {}
  var fields: [String: JSONValue] { [:] }

  func normalize(_ text: AlignedText) -> AlignedText {
    text.rewritten { value, origin, writer in
      if value < 0x80 {
        writer.append((0x41...0x5A).contains(value) ? value + 0x20 : value, from: origin)
      } else if let scalar = Unicode.Scalar(value) {
        for part in scalar.properties.lowercaseMapping.unicodeScalars {
          writer.append(part.value, from: origin)
        }
      }
    }
  }
}
