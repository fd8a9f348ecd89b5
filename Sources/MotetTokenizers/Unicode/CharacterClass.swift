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
    let table = CharacterTable.shared
    let digit = table.category(value, asOf: UnicodeVersion.rust.packed)
    switch table.category(value, asOf: UnicodeVersion.patterns.packed) {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      return letter.rawValue
    case .decimalNumber, .letterNumber, .otherNumber: return number.rawValue | digitFlag
    case .unassigned:
      switch digit {
      case .decimalNumber, .letterNumber, .otherNumber: return other.rawValue | digitFlag
      default: return other.rawValue
      }
    default: return WhiteSpace.contains(value) ? space.rawValue : other.rawValue
    }
  }
}
