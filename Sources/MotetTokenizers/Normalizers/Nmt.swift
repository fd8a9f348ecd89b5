import MotetFormats

/// Leaves control characters out and makes other kinds of white space spaces. Source: SentencePiece's `nmt_nfkc`.
struct Nmt: Normalizer {
  static let type = "Nmt"

  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }

  func normalize(_ text: AlignedText) -> AlignedText {
    text.rewritten { value, origin, writer in
      switch value {
      case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
      case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
        writer.append(0x20, from: origin)
      default: writer.append(value, from: origin)
      }
    }
  }
}
