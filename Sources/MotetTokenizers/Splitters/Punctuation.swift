import MotetFormats

/// Cuts at punctuation.
struct Punctuation: Splitter {
  static let type = "Punctuation"

  let behavior: SplitBehavior

  init(_ fields: StepFields) throws { behavior = try SplitBehavior(fields, or: .isolated) }

  init(_ behavior: SplitBehavior) { self.behavior = behavior }

  var fields: [String: JSONValue] { ["behavior": .string(behavior.rawValue)] }

  func split(_ words: inout Words) { words.cut(at: Self.contains, behavior) }

  /// Whether a character is punctuation: of Unicode, or what ASCII has besides letters, digits and controls.
  static func contains(_ value: UInt32) -> Bool {
    if value < 0x80 {
      switch value {
      case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
      default: return false
      }
    }
    return set.contains(value)
  }

  private static let set = ScalarSet(GeneralCategory.named("p") ?? [], asOf: .bert)
}
