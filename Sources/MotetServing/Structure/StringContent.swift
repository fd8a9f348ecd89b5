/// What stands between the quotation marks of a JSON string (RFC 8259, section 7).
enum StringContent {
  private static let quote: UInt32 = 0x22
  private static let backslash: UInt32 = 0x5C
  /// Written as they are.
  private static let plain = ScalarRanges([0...0x1F, quote...quote, backslash...backslash]).inverted

  /// One character, in any form that a parser reads: half a surrogate pair has none.
  static let character: ByteExpression = .choice([
    plain.utf8,
    .sequence([.literal([0x5C]), .bytes(ByteSet("\"\\/bfnrt"))]),
    .sequence([.text("\\u"), hexadecimal]),
  ])

  /// Four digits of no surrogate, or a pair.
  private static let hexadecimal: ByteExpression = {
    let digit = ByteExpression.bytes(ByteSet("0123456789abcdefABCDEF"))
    return .choice([
      .sequence([.bytes(ByteSet("0123456789abcefABCEF")), digit, digit, digit]),
      .sequence([.bytes(ByteSet("dD")), .bytes(ByteSet("01234567")), digit, digit]),
      .sequence([
        .bytes(ByteSet("dD")), .bytes(ByteSet("89abAB")), digit, digit, .text("\\u"), .bytes(ByteSet("dD")),
        .bytes(ByteSet("cdefCDEF")), digit, digit,
      ]),
    ])
  }()

  /// Whether a string can hold one of these: halves of surrogate pairs have no form.
  static func canBeWritten(_ set: ScalarRanges) -> Bool {
    !set.subtracting(ScalarRanges([0xD800...0xDFFF])).ranges.isEmpty
  }

  /// One character of a set, in the shortest form; a literal if there is only one.
  static func written(_ set: ScalarRanges) -> ByteExpression {
    if set.ranges.count == 1, let only = set.ranges.first, only.count == 1, plain.contains(only.lowerBound),
      let scalar = Unicode.Scalar(only.lowerBound)
    {
      return .text(String(scalar))
    }
    let raw = set.subtracting(plain.inverted)
    var forms: [ByteExpression] = raw.ranges.isEmpty ? [] : [raw.utf8]
    for scalar in Array(0...UInt32(0x1F)) + [quote, backslash] where set.contains(scalar) {
      forms.append(.text(escaped(scalar)))
    }
    return forms.count == 1 ? forms[0] : .choice(forms)
  }

  private static func escaped(_ scalar: UInt32) -> String {
    switch scalar {
    case quote: "\\\""
    case backslash: "\\\\"
    case 0x08: "\\b"
    case 0x0C: "\\f"
    case 0x0A: "\\n"
    case 0x0D: "\\r"
    case 0x09: "\\t"
    default: "\\u00" + (scalar < 16 ? "0" : "") + String(scalar, radix: 16)
    }
  }
}
