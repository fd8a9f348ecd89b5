import MotetFormats

/// Cuts numbers off, any of Unicode's: every digit by itself, or runs of them.
struct Digits: Splitter {
  static let type = "Digits"

  let individually: Bool

  init(_ fields: StepFields) throws { individually = try fields.bool("individual_digits") }

  init(individually: Bool) { self.individually = individually }

  var fields: [String: JSONValue] { ["individual_digits": .bool(individually)] }

  func split(_ words: inout Words) {
    words.cut(at: Self.isNumeric, individually ? .isolated : .contiguous)
  }

  private static func isNumeric(_ value: UInt32) -> Bool {
    if value < 0x80 { return (0x30...0x39).contains(value) }
    switch CharacterTable.shared.category(value, asOf: UnicodeVersion.rust.packed) {
    case .decimalNumber, .letterNumber, .otherNumber: return true
    default: return false
    }
  }
}
