/// JSON numbers of a size that every parser reads.
enum NumberForms {
  private static let digit = ByteExpression.bytes(ByteSet(0x30...0x39))
  private static let sign = ByteExpression.optional(.text("-"))

  static let integer: ByteExpression = .sequence([
    sign,
    .choice([
      .text("0"), .sequence([.bytes(ByteSet(0x31...0x39)), .repeated(digit, least: 0, most: 14)]),
    ]),
  ])

  static let number: ByteExpression = .sequence([
    integer,
    .optional(.sequence([.text("."), .repeated(digit, least: 1, most: 15)])),
    .optional(
      .sequence([
        .bytes(ByteSet("eE")), .optional(.bytes(ByteSet("+-"))), .repeated(digit, least: 1, most: 2),
      ])),
  ])
}
