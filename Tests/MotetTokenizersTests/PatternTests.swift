import Foundation
import Testing

@testable import MotetTokenizers

/// The regular expressions beyond what the fixtures compare: what is refused, and that none runs for ever.
@Suite struct PatternTests {
  private func matches(
    _ pattern: String, in text: String, freeSteps: (each: Int, more: Int) = PatternMatcher.freeSteps
  ) throws -> [String] {
    let program = try PatternProgram(pattern)
    return Array(text.utf8).withUnsafeBufferPointer { utf8 in
      program.withMatcher(for: utf8, freeSteps: freeSteps) { matcher in
        var found: [String] = []
        matcher.forEachMatch(in: 0..<utf8.count) { found.append(String(decoding: utf8[$0], as: UTF8.self)) }
        return found
      }
    }
  }

  @Test(arguments: [
    ("a(b", "a '(' has no ')' after it (at character 3)"),
    ("a)b", "a ')' has no '(' before it (at character 1)"),
    ("[a", "the expression ends where ']' is expected (at character 2)"),
    ("+a", "the quantifier '+' has nothing before it (at character 1)"),
    ("a{3,2}", "a repetition has its bounds the wrong way round (at character 6)"),
    ("[b-a]", "a range in brackets is the wrong way round (at character 4)"),
    ("(a)\\1", "'\\1' is not supported (at character 5)"),
    ("\\p{Klingon}", "the property '\\p{Klingon}' is not known (at character 11)"),
    ("(?<=a+)b", "a look-behind of more than 255 characters is not supported (at character 7)"),
    ("(?~ab)", "a group that begins with '(?~' is not supported (at character 3)"),
    ("\\x{110000}", "U+110000 is not a character (at character 9)"),
    ("(?i:ss)", "ignoring case, 'ss' may stand for one character, which is not supported (at character 6)"),
    ("a{100001}", "it repeats more than 100000 times (at character 8)"),
    ("(?:(?:(?:ab){100}){100}){100}", "it needs more than 32768 steps when its repetitions are written out"),
  ]) func whatIsNotSupportedIsRefusedWithItsPlace(pattern: String, reason: String) {
    #expect(throws: PatternError(reason: reason)) { try PatternProgram(pattern) }
  }

  @Test func deepNestingAndLongExpressionsAreRefused() {
    let nested = String(repeating: "(", count: 500) + String(repeating: ")", count: 500)
    #expect(throws: PatternError.self) { try PatternProgram(nested) }
    let brackets = String(repeating: "[", count: 500) + "a" + String(repeating: "]", count: 500)
    #expect(throws: PatternError.self) { try PatternProgram(brackets) }
    #expect(throws: PatternError.self) { try PatternProgram(String(repeating: "a", count: 70_000)) }
    let classes = (0..<300).compactMap { Unicode.Scalar(0x4E00 + $0) }.map { String($0) }.joined()
    #expect(throws: PatternError.self) { try PatternProgram(classes) }
  }

  /// Each would take more steps than there are atoms if every way to match were tried.
  @Test(arguments: [
    "(a*)*b", "(a|a)*b", "(a+)+$b", "(?:a|aa)+b", "(?:a*a*a*a*a*a*)*b", "(?=(a|aa)*b)a", "(?>(a|aa)+b)|c",
    "(?:(?:a?){30}){30}b",
    "(a*?)*?b", "(?:\\w+\\s?)+!", "(?=(?:a{3})*b)a{3}", "a*a*a*a*b", "\\s*a*\\s*b|a",
  ]) func noPatternRunsForEver(pattern: String) throws {
    let text = String(repeating: "a", count: 3000)
    let time = try ContinuousClock().measure {
      let found = try matches(pattern, in: text).filter { !$0.isEmpty }
      #expect(found.joined().count <= text.count)
    }
    #expect(time < .seconds(20), "\(pattern): \(time)")
  }

  /// Twenty times the text may take twenty times as long, not four hundred times.
  @Test(arguments: [
    ("\\s+$", " "), ("\\s*[\\r\\n]+|\\s", " "), ("\\s+(?!\\S)|\\s+", " "),
    ("\\d{1,3}(?=(?:\\d{3})*\\b)", "1"),
    ("(?=(\\d{3})+(?!\\d))", "1"), ("a+b|a", "a"), ("(?:ab?)+c|a", "a"), ("(?=(?:a|b)*?$)a", "a"),
    ("(?=(?:ab?)*?x)a", "a"), ("a*b|a*c|a", "a"),
  ]) func timeGrowsWithTheTextAlone(pattern: String, unit: String) throws {
    func seconds(_ count: Int) throws -> Double {
      let text = String(repeating: unit, count: count) + "x"
      return try (0..<3).map { _ in
        try ContinuousClock().measure { _ = try matches(pattern, in: text) } / .seconds(1)
      }.min() ?? 0
    }
    let (short, long) = (try seconds(4000), try seconds(80_000))
    #expect(long < 20 * short * 4 + 0.2, "\(short) s for 4,000 characters, \(long) s for 80,000")
  }

  @Test func whatFailedOnceIsNotForgottenWrongly() throws {
    // Enough steps that failures are remembered, and matches that need what was tried before.
    let text = String(repeating: "aaab", count: 400) + "c"
    #expect(try matches("(?:a|aa|aab|b)+c", in: text) == [text])
    #expect(try matches("(?:(?:a|aa)*b)*c", in: text + text).joined() == text + text)
    #expect(try matches("(?=(?:a|aa|ab|b)+c)a", in: text).count == 1200)
    #expect(try matches("(?!(?:a|aa|ab|b)+d)a", in: text).count == 1200)
  }

  /// Random patterns, once with every choice remembered from the start and once with none.
  @Test func whatIsRememberedChangesNothing() throws {
    var random = RandomPattern(seed: 7)
    for _ in 0..<2000 {
      let pattern = random.alternatives(depth: 2)
      let text = random.text()
      let remembered = try matches(pattern, in: text, freeSteps: (0, 0))
      #expect(try matches(pattern, in: text, freeSteps: (0, 1 << 40)) == remembered, "\(pattern) in \(text)")
    }
    // A loop that comes back to an open choice without a character, as the first version read it wrongly.
    #expect(try matches("(((c)?(1,)*|\\w)+)", in: "cca", freeSteps: (0, 0)) == ["cc", ""])
  }
}

/// Writes patterns over a, b and c that have every construct the matcher knows.
private struct RandomPattern {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  private mutating func number(below bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(bound))
  }

  private mutating func pick(_ choices: [String]) -> String { choices[number(below: choices.count)] }

  mutating func text() -> String {
    (0...number(below: 12)).map { _ in pick(["a", "a", "a", "b", "b", "c"]) }.joined()
  }

  mutating func alternatives(depth: Int) -> String {
    (0..<[1, 1, 2, 3][number(below: 4)]).map { _ in sequence(depth) }.joined(separator: "|")
  }

  private mutating func sequence(_ depth: Int) -> String {
    (0...number(below: 3)).map { _ in repetition(depth) }.joined()
  }

  private mutating func repetition(_ depth: Int) -> String {
    let kind = depth == 0 ? 0 : number(below: 20)
    switch kind {
    case ..<9: return pick(["a", "b", "c", "[ab]", "[^a]", ".", "\\w"]) + pick(Self.counts)
    case ..<14: return "(?:" + alternatives(depth: depth - 1) + ")" + pick(Self.counts)
    case 14: return "(?=" + alternatives(depth: depth - 1) + ")"
    case 15: return "(?!" + alternatives(depth: depth - 1) + ")"
    case 16, 17: return "(?>" + alternatives(depth: depth - 1) + ")" + pick(Self.counts)
    case 18: return "(?<=" + pick(["a", "ab?", "(?:a|bc){1,2}", "a(?=b)", "(?:a|ab)"]) + ")"
    default: return "(?<!" + pick(["a", "b?a", "(?:b|ac)"]) + ")"
    }
  }

  private static let counts = [
    "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,3}?", "{1,2}",
  ]
}
