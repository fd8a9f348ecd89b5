import MotetFormats

/// What BERT does to a text: control characters go, Chinese characters get spaces around them, accents and capitals go.
/// Source: `BasicTokenizer` of github.com/google-research/bert, `tokenization.py`.
struct BertNormalizer: Normalizer {
  static let type = "BertNormalizer"

  let cleansText: Bool
  let spacesChinese: Bool
  /// nil: as `lowercases`
  let stripsAccents: Bool?
  let lowercases: Bool

  init(_ fields: StepFields) throws {
    cleansText = try fields.bool("clean_text")
    spacesChinese = try fields.bool("handle_chinese_chars")
    stripsAccents = try fields.optionalBool("strip_accents")
    lowercases = try fields.bool("lowercase")
  }

  init(lowercases: Bool, stripsAccents: Bool?) {
    (cleansText, spacesChinese) = (true, true)
    self.lowercases = lowercases
    self.stripsAccents = stripsAccents
  }

  var fields: [String: JSONValue] {
    [
      "clean_text": .bool(cleansText), "handle_chinese_chars": .bool(spacesChinese),
      "strip_accents": stripsAccents.map { .bool($0) } ?? .null, "lowercase": .bool(lowercases),
    ]
  }

  func normalize(_ text: AlignedText) -> AlignedText {
    var text = text
    if cleansText {
      text = text.rewritten { value, origin, writer in
        if value == 0 || value == 0xFFFD { return }
        if WhiteSpace.contains(value), !Self.controls.contains(value) || Self.spacing.contains(value) {
          writer.append(0x20, from: origin)
        } else if !Self.controls.contains(value) {
          writer.append(value, from: origin)
        }
      }
    }
    if spacesChinese, !text.isASCII {
      text = text.rewritten { value, origin, writer in
        let isChinese = Self.isChinese(value)
        if isChinese { writer.append(0x20, from: origin) }
        writer.append(value, from: origin)
        if isChinese { writer.append(0x20, from: origin) }
      }
    }
    if stripsAccents ?? lowercases, !text.isASCII {
      text = text.inForm(compatible: false, composed: false).rewritten { value, origin, writer in
        if !Self.marks.contains(value) { writer.append(value, from: origin) }
      }
    }
    return lowercases ? Lowercase().normalize(text) : text
  }

  /// Tab, newline and carriage return count as white space, not as control characters.
  private static let spacing: Set<UInt32> = [0x09, 0x0A, 0x0D]
  private static let controls = ScalarSet([.control, .format, .privateUse], asOf: .bert)
  private static let marks = ScalarSet([.nonspacingMark], asOf: .bert)

  /// The blocks of Chinese characters that `tokenizers` names (its 2B920 stands for 2B820).
  private static func isChinese(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
