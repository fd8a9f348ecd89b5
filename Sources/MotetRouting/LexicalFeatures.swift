import Foundation

/// A word, a pair, a stem or a pattern found in a prompt.
struct LexicalFeature: Hashable, Sendable {
  let kind: Evidence.Kind
  let text: String

  /// The form stored in router files: `w solve`, `2 solve the`, `s equat`, `p x²`.
  var key: String {
    switch kind {
    case .pair: "2 " + text
    case .stem: "s " + text
    case .pattern: "p " + text
    default: "w " + text
    }
  }

  init(_ kind: Evidence.Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }

  /// Nil when `key` is not what the other side of `key` writes.
  init?(key: String) {
    let text = String(key.dropFirst(2))
    guard key.count > 2, key.dropFirst().first == " " else { return nil }
    switch key.first {
    case "w": self.init(.word, text)
    case "2": self.init(.pair, text)
    case "s": self.init(.stem, text)
    case "p": self.init(.pattern, text)
    default: return nil
    }
  }
}

/// Cuts a prompt into the features a lexical router weighs.
///
/// Words are runs of letters in lower case (each CJK character is its own word). Numbers lose their digits.
/// Patterns are runs of one to three signs in which a word is `a`, a number `9`, a lone letter `x` and any
/// other character itself, so `3x² + 5` gives `9x²`, `x²`, `² +`, `+ 9` and `f(text)` gives `x(a`; a word
/// belongs to a pattern only where it touches another sign.
enum LexicalFeatures {
  /// What lies further back in a prompt is not read.
  static let maximumScalars = 8_000

  private enum Sign: Equatable { case word, number, letter, other }

  private struct Token {
    var sign: Sign
    var text: String
    var spaceBefore: Bool

    var shape: String {
      switch sign {
      case .word: "a"
      case .number: "9"
      case .letter: "x"
      case .other: text
      }
    }
  }

  /// The distinct features of `prompt`, in order of appearance.
  static func of(_ prompt: String) -> [LexicalFeature] {
    let tokens = tokenize(prompt)
    var seen = Set<LexicalFeature>()
    var found: [LexicalFeature] = []
    func add(_ kind: Evidence.Kind, _ text: String) {
      let feature = LexicalFeature(kind, text)
      if seen.insert(feature).inserted { found.append(feature) }
    }
    for (i, token) in tokens.enumerated() {
      let isWord = token.sign == .word || token.sign == .letter
      if isWord {
        add(.word, token.text)
        if token.text.count > 6 { add(.stem, String(token.text.prefix(5))) }
      }
      if i > 0, isWord || token.sign == .number {
        let before = tokens[i - 1]
        if before.sign != .other, isWord || before.sign == .word {
          add(.pair, name(before) + " " + name(token))
        }
      }
      // A pattern needs a sign; words belong to it only where they touch one.
      var shape = ""
      var hasSign = false
      for j in i..<min(i + 3, tokens.count) {
        if j > i, tokens[j].spaceBefore {
          guard tokens[j - 1].sign != .word, tokens[j].sign != .word else { break }
          shape += " "
        }
        shape += tokens[j].shape
        hasSign = hasSign || tokens[j].sign != .word
        if hasSign { add(.pattern, shape) }
      }
    }
    return found
  }

  private static func name(_ token: Token) -> String { token.sign == .number ? "#" : token.text }

  private static func tokenize(_ prompt: String) -> [Token] {
    var tokens: [Token] = []
    var run = String.UnicodeScalarView()
    var runIsNumber = false
    var space = false
    func flush() {
      guard !run.isEmpty else { return }
      let text = runIsNumber ? String(run) : String(run).lowercased()
      // The words "a" and "i" stand alone in running text; any other lone letter is a name in a formula.
      let isLetter =
        run.count == 1 && !(text == "a" || text == "i") && text.unicodeScalars.allSatisfy(\.isASCII)
      tokens.append(
        Token(sign: runIsNumber ? .number : isLetter ? .letter : .word, text: text, spaceBefore: space))
      run.removeAll()
      space = false
    }
    let scalars = Array(prompt.precomposedStringWithCanonicalMapping.unicodeScalars.prefix(maximumScalars))
    for (i, scalar) in scalars.enumerated() {
      if isIdeograph(scalar) {
        flush()
        tokens.append(Token(sign: .word, text: String(scalar), spaceBefore: space))
        space = false
      } else if scalar.properties.isAlphabetic && scalar.properties.numericType == nil
        || scalar.properties.generalCategory == .nonspacingMark
      {
        if runIsNumber { flush() }
        runIsNumber = false
        run.append(scalar)
      } else if scalar.properties.generalCategory == .decimalNumber {
        if !runIsNumber { flush() }
        runIsNumber = true
        run.append(scalar)
      } else if !run.isEmpty,
        joins(scalar, inNumber: runIsNumber, next: i + 1 < scalars.count ? scalars[i + 1] : nil)
      {
        run.append(scalar == "’" ? "'" : scalar)
      } else {
        flush()
        if scalar.properties.isWhitespace {
          space = true
        } else {
          tokens.append(Token(sign: .other, text: String(scalar), spaceBefore: space))
          space = false
        }
      }
    }
    flush()
    return tokens
  }

  /// An apostrophe inside a word; a point or comma inside a number.
  private static func joins(_ scalar: Unicode.Scalar, inNumber: Bool, next: Unicode.Scalar?) -> Bool {
    guard let next else { return false }
    if inNumber {
      return (scalar == "." || scalar == ",") && next.properties.generalCategory == .decimalNumber
    }
    return (scalar == "'" || scalar == "’") && next.properties.isAlphabetic
  }

  private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x3040...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2FFFF: true
    default: false
    }
  }
}
