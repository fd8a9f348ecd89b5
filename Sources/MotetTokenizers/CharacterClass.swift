/// What the splitting rules need to know of a character: letter, number, white space or other, and whether
/// it is split off by itself as a digit.
///
/// Follows what Hugging Face `tokenizers` 0.23 does, character by character: its regular expressions know
/// `\p{L}`, `\p{N}` and `\s` of Unicode 16 (Oniguruma), its `Digits` splitter the numbers of Unicode 17
/// (Rust). Characters younger than that count as other, whatever this machine's Swift knows of them.
struct CharacterClass: RawRepresentable, Equatable, Sendable {
  let rawValue: UInt8

  static let other = CharacterClass(rawValue: 0)
  static let letter = CharacterClass(rawValue: 1)
  static let number = CharacterClass(rawValue: 2)
  static let space = CharacterClass(rawValue: 3)

  /// Set beside the class for the characters that `Digits` isolates.
  static let digitFlag: UInt8 = 4

  /// Class and digit flag of every character of the first two planes, where nearly all text lives.
  static let table: [UInt8] = (0..<0x20000).map { classify($0) }

  /// Class and digit flag of a character, from its general category.
  static func classify(_ value: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age, age.major <= 17 else {
      return other.rawValue
    }
    let known = age.major <= 16
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      return known ? letter.rawValue : other.rawValue
    case .decimalNumber, .letterNumber, .otherNumber:
      return (known ? number.rawValue : other.rawValue) | digitFlag
    default:
      return known && scalar.properties.isWhitespace ? space.rawValue : other.rawValue
    }
  }
}
