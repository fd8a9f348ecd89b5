/// The characters of `\w` in the `regex` crate: letters, marks, digits, connectors and joiners.
enum WordCharacters {
  static func contains(_ value: UInt32) -> Bool {
    if value < 0x80 {
      switch value {
      case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: return true
      default: return false
      }
    }
    return set.contains(value)
  }

  private static let set = ["m", "nd", "pc"].reduce(PatternProperties.alphabetic) {
    $0.union(PatternProperties.categories($1))
  }.union(ScalarSet([0x200C...0x200D]))
}
