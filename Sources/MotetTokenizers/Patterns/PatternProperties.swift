/// The sets of characters that regular expressions name, as Oniguruma has them.
enum PatternProperties {
  static let digits = categories("nd")
  /// `\w` in brackets.
  static let word = alphabetic.union(categories("m")).union(digits).union(categories("pc"))
  /// `\w` outside of brackets, and what `\b` goes by: for Latin-1 Oniguruma looks into another table, where the digits
  /// above the line and fractions are part of words.
  static let wordOperator = word.union(
    ScalarSet([0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE]))
  static let hexadecimal = ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])

  private static let posixNames: Set<String> = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper",
    "xdigit", "word",
  ]

  /// The set of a name as it stands in `\p{…}`; nil when it is not known. Case, spaces, hyphens and underscores do not
  /// count.
  static func named(_ name: String) -> ScalarSet? {
    var key = ""
    for scalar in name.unicodeScalars where scalar != " " && scalar != "_" && scalar != "-" {
      key += scalar.properties.lowercaseMapping
    }
    if let categories = GeneralCategory.named(key) { return ScalarSet(categories, asOf: .patterns) }
    if let set = posix(key) ?? binary(key) { return set }
    return Script(named: key).map(\.scalars)
  }

  static let alphabetic = ScalarSet(where: {
    property($0) { $0.isAlphabetic }
  })

  static func categories(_ name: String) -> ScalarSet {
    ScalarSet(GeneralCategory.named(name) ?? [], asOf: .patterns)
  }

  private static func posix(_ name: String) -> ScalarSet? {
    switch name {
    case "alnum": alphabetic.union(digits)
    case "alpha", "alphabetic": alphabetic
    case "any": .all
    case "ascii": ScalarSet([0...0x7F])
    case "assigned": categories("cn").complement
    case "blank": categories("zs").union(ScalarSet([0x09...0x09]))
    case "cntrl": categories("cc")
    case "digit": digits
    case "graph": WhiteSpace.set.union(categories("cc")).union(categories("cn")).complement
    // U+0295 is a lower-case letter up to Unicode 16.
    case "lower", "lowercase":
      ScalarSet(where: { property($0) { $0.isLowercase } }).union(ScalarSet([0x295...0x295]))
    case "print":
      ["cc", "cn", "zl", "zp"].reduce(ScalarSet([])) { $0.union(categories($1)) }.complement
    case "space", "whitespace": WhiteSpace.set
    case "punct": categories("p")
    case "upper", "uppercase": ScalarSet(where: { property($0) { $0.isUppercase } })
    case "xdigit": hexadecimal
    case "word": word
    default: nil
    }
  }

  /// The set of a name as it stands in `[:…:]`; nil when it is not known.
  static func bracketed(_ name: String) -> ScalarSet? {
    guard posixNames.contains(name) else { return nil }
    return name == "punct" ? categories("p").union(categories("s")) : posix(name)
  }

  private static func binary(_ name: String) -> ScalarSet? {
    let holds: (Unicode.Scalar.Properties) -> Bool
    switch name {
    case "emoji": holds = { $0.isEmoji }
    case "emojipresentation": holds = { $0.isEmojiPresentation }
    case "emojimodifier": holds = { $0.isEmojiModifier }
    case "emojimodifierbase": holds = { $0.isEmojiModifierBase }
    case "ideographic": holds = { $0.isIdeographic }
    case "math": holds = { $0.isMath }
    case "dash": holds = { $0.isDash }
    case "diacritic": holds = { $0.isDiacritic }
    case "cased": holds = { $0.isCased }
    case "variationselector": holds = { $0.isVariationSelector }
    default: return nil
    }
    return ScalarSet(where: { property($0, holds) })
  }

  private static func property(_ value: UInt32, _ holds: (Unicode.Scalar.Properties) -> Bool) -> Bool {
    guard CharacterTable.shared.contains(value, asOf: UnicodeVersion.patterns.packed),
      let scalar = Unicode.Scalar(value)
    else { return false }
    return holds(scalar.properties)
  }
}
