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

  /// One character of a set, in the shortest form.
  static func written(_ set: ScalarRanges) -> ByteExpression {
    let raw = set.subtracting(plain.inverted)
    var forms: [ByteExpression] = raw.ranges.isEmpty ? [] : [raw.utf8]
    for scalar in Array(0...UInt32(0x1F)) + [quote, backslash] where set.contains(scalar) {
      forms.append(.text(escaped(scalar)))
    }
    return .choice(forms)
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

  /// The names of members that are none of those given, quotation marks included.
  ///
  /// Letters lead through the given names as far as they go; whatever leaves them is free from there on. An escape only
  /// comes after that, so that no name is written in another form.
  static func names(except names: [String], character: ByteExpression) -> ByteExpression {
    let free = ByteExpression.sequence([.repeated(character, least: 0, most: nil), .text("\"")])
    func follow(_ names: [ArraySlice<Unicode.Scalar>]) -> ByteExpression {
      var forms: [ByteExpression] = []
      if !names.contains(where: \.isEmpty) { forms.append(.text("\"")) }
      let firsts = Set(names.compactMap(\.first))
      for first in firsts.sorted() {
        let rest = names.filter { $0.first == first }.map { $0.dropFirst() }
        forms.append(.sequence([written(ScalarRanges(first)), follow(rest)]))
      }
      let others = plain.subtracting(ScalarRanges(firsts.map { $0.value...$0.value }))
      forms.append(.sequence([others.utf8, free]))
      return .choice(forms)
    }
    return .sequence([.text("\""), follow(names.map { ArraySlice($0.unicodeScalars) })])
  }
}
