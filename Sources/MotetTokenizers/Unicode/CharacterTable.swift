/// What is known of every character: its general category and the version of Unicode that brought it.
///
/// Made once from the standard library's data. Characters that a version of Unicode lacks are unassigned as of that
/// version, whatever this machine's Swift knows of them.
struct CharacterTable: Sendable {
  static let shared = CharacterTable()

  /// Characters from here on are looked up one by one: tags, variation selectors, private use, nothing else.
  static let limit: UInt32 = 0x33500
  /// Where the only characters above ``limit`` are that are neither for private use nor unassigned.
  static let specials: Range<UInt32> = 0xE0000..<0xE0200

  private let categories: [UInt8]
  private let ages: [UInt8]

  private init() {
    var categories = [UInt8](repeating: GeneralCategory.unassigned.rawValue, count: Int(Self.limit))
    var ages = [UInt8](repeating: .max, count: Int(Self.limit))
    for value in 0..<Self.limit {
      guard let (category, age) = Self.properties(value) else { continue }
      categories[Int(value)] = category.rawValue
      ages[Int(value)] = age
    }
    self.categories = categories
    self.ages = ages
  }

  /// Characters that were of another category before a version.
  private static let former: [UInt32: (until: UnicodeVersion, category: GeneralCategory)] = [
    0x0295: (UnicodeVersion(17), .lowercaseLetter), 0x166D: (UnicodeVersion(12), .otherPunctuation),
    0x1734: (UnicodeVersion(14), .nonspacingMark), 0x1885: (UnicodeVersion(9), .otherLetter),
    0x1886: (UnicodeVersion(9), .otherLetter), 0x1CF2: (UnicodeVersion(12), .spacingMark),
    0x1CF3: (UnicodeVersion(12), .spacingMark), 0xA9BD: (UnicodeVersion(11), .spacingMark),
    0x111C9: (UnicodeVersion(11), .otherPunctuation), 0x1171E: (UnicodeVersion(16), .nonspacingMark),
  ]

  /// The category of a character as of a version of Unicode.
  func category(_ value: UInt32, asOf version: UInt8) -> GeneralCategory {
    if let former = Self.former[value], version < former.until.packed, contains(value, asOf: version) {
      return former.category
    }
    if value < Self.limit {
      guard ages[Int(value)] <= version else { return .unassigned }
      return GeneralCategory(rawValue: categories[Int(value)]) ?? .unassigned
    }
    guard let (category, age) = Self.properties(value), age <= version else { return .unassigned }
    return category
  }

  /// Whether a version of Unicode has the character.
  func contains(_ value: UInt32, asOf version: UInt8) -> Bool {
    if value < Self.limit { return ages[Int(value)] <= version }
    guard let (_, age) = Self.properties(value) else { return false }
    return age <= version
  }

  private static func properties(_ value: UInt32) -> (GeneralCategory, UInt8)? {
    guard let properties = Unicode.Scalar(value)?.properties, let age = properties.age else { return nil }
    let version = UnicodeVersion(Int(age.major), Int(age.minor))
    return (GeneralCategory(properties.generalCategory), version.packed)
  }
}
