/// Which modules an adapter goes into, in PEFT's three ways of saying it.
///
/// Source: PEFT, `LoraConfig.target_modules`, and `get_pattern_key` in `peft/utils/other.py`.
public enum ModuleSelector: Sendable, Codable, Equatable {
  /// Names that a module's path ends in: `q_proj`, `layers.3.self_attn.q_proj`.
  case list([String])
  /// Every linear layer but the head.
  case allLinear
  /// A regular expression over the whole path.
  case pattern(String)

  /// Whether the module at `path` (`layers.3.self_attn.q_proj`) is meant; as in PEFT, its whole name is
  /// compared (``ModulePath``). `all-linear` takes all paths but `lm_head`: give it linear layers only.
  /// Throws ``FormatError`` for a pattern that cannot be used; `file` names where it stands.
  public func matches(_ path: String, file: String = "target modules") throws -> Bool {
    let module = ModulePath.module(of: path)
    return switch self {
    case .list(let names): names.contains { module == $0 || module.hasSuffix("." + $0) }
    case .allLinear: path != "lm_head"
    case .pattern(let text): try ModulePattern(text, file: file).matchesWhole(module)
    }
  }
}

/// A regular expression over module paths that cannot run away.
///
/// A file from elsewhere may hold a pattern whose matching takes for ever. Module paths are short, so
/// limiting repetition is enough: no repeated groups and at most four repetitions.
struct ModulePattern {
  private static let maximumLength = 4096
  private static let maximumRepetitions = 4
  private let text: String
  /// nil where the text is a plain name.
  private let expression: Regex<AnyRegexOutput>?

  init(_ text: String, file: String) throws {
    self.text = text
    if text.utf8.allSatisfy(Self.isPlain) {
      expression = nil
      return
    }
    guard text.utf8.count <= Self.maximumLength, Self.isTame(text) else {
      throw FormatError.unsupported(
        file: file, place: "pattern \(quoted(text))",
        feature: "a pattern with repeated groups, or so many repetitions,",
        mend: "list the modules by name")
    }
    do {
      expression = try Regex(text)
    } catch {
      throw FormatError.malformed(
        file: file, place: "pattern \(quoted(text))", problem: "it is no regular expression",
        mend: "correct it, or list the modules by name")
    }
  }

  /// Python's `re.fullmatch(text, path)`.
  func matchesWhole(_ path: String) throws -> Bool {
    guard let expression else { return path == text }
    return try expression.wholeMatch(in: path) != nil
  }

  /// Python's `re.match(rf"(.*\.)?({text})$", path)`: the whole path, or all of it from after some dot.
  func matchesEnd(of path: String) throws -> Bool {
    guard let expression else { return path == text || path.hasSuffix("." + text) }
    if try expression.wholeMatch(in: path) != nil { return true }
    // "^" cannot hold behind a dot.
    if text.hasPrefix("^") { return false }
    for index in path.indices where path[index] == "." {
      if try expression.wholeMatch(in: String(path[path.index(after: index)...])) != nil { return true }
    }
    return false
  }

  /// Letters, digits, `_`, `-`, and the dot, which in a name means itself.
  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static func isTame(_ text: String) -> Bool {
    var repetitions = 0
    var previous: Character = " "
    for character in text {
      if "*+?{".contains(character), previous != "\\", previous != "(" {
        if previous == ")", character != "?" { return false }
        repetitions += 1
      }
      previous = character
    }
    return repetitions <= maximumRepetitions
  }
}
