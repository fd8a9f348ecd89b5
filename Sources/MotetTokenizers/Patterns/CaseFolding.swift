/// Which characters are one when case does not count. Source: Unicode standard, section 3.13 (simple case folding).
enum CaseFolding {
  /// A set with all the cases of its characters.
  static func closure(of set: ScalarSet) -> ScalarSet {
    var added: [ClosedRange<UInt32>] = []
    for orbit in orbits where orbit.contains(where: set.contains) {
      added += orbit.map { $0...$0 }
    }
    return added.isEmpty ? set : set.union(ScalarSet(added))
  }

  /// Whether two characters in a row may be the folding of a single one, as `ss` is that of `ß`.
  static func expands(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Bool {
    func folded(_ scalar: Unicode.Scalar) -> String { scalar.properties.lowercaseMapping }
    return expansions.contains(folded(first) + folded(second))
  }

  /// The pairs that a character folds to (`CaseFolding.txt`, status F), the Greek ones with iota and those of three
  /// characters left out but for their beginnings.
  private static let expansions: Set<String> = [
    "ss", "ff", "fi", "fl", "st", "i\u{307}", "ʼn", "j\u{30C}", "h\u{331}", "t\u{308}", "w\u{30A}",
    "y\u{30A}",
    "aʾ", "եւ", "մն", "մե", "մի", "վն", "մխ",
  ]

  /// The characters of one folding, where there are several.
  private static let orbits: [[UInt32]] = {
    var members: [UInt32: [UInt32]] = [:]
    for value in 0..<CharacterTable.limit {
      guard CharacterTable.shared.contains(value, asOf: UnicodeVersion.patterns.packed),
        let scalar = Unicode.Scalar(value), let key = key(of: scalar)
      else { continue }
      members[key, default: []].append(value)
      if key != value, members[key]?.contains(key) != true { members[key]?.append(key) }
    }
    return members.values.filter { $0.count > 1 }
  }()

  /// The character that stands for all cases of `scalar`; nil for one without cases.
  private static func key(of scalar: Unicode.Scalar) -> UInt32? {
    // A Turkish dotless i is not a case of i, though its capital is I.
    if scalar == "\u{131}" || scalar == "\u{130}" { return nil }
    let properties = scalar.properties
    let upper = single(properties.uppercaseMapping) ?? scalar
    let lower = single(upper.properties.lowercaseMapping) ?? single(properties.lowercaseMapping) ?? scalar
    if upper == scalar, lower == scalar { return nil }
    return lower.value
  }

  private static func single(_ mapping: String) -> Unicode.Scalar? {
    mapping.unicodeScalars.count == 1 ? mapping.unicodeScalars.first : nil
  }
}
