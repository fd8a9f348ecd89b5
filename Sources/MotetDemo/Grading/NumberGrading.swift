import Foundation

/// Finds the number that an answer comes to.
enum NumberGrading {
  /// True when any reading of where the result stands gives the expected number: after the last "answer",
  /// in a box, in bold, what the unknown equals, after the last equals sign, or simply the last number.
  static func accepts(_ generated: String, expected: Double) -> Bool {
    let text = plain(generated)
    return readings.contains { reading in
      guard let value = reading(text) else { return false }
      return abs(value - expected) <= 1e-6 * max(1, abs(expected))
    }
  }

  private static var readings: [(String) -> Double?] {
    [
      { last(#"answer\b[^0-9\-½¼¾⅓⅔.]{0,40}?(\#(number))"#, $0) },
      { last(#"\\boxed\{\s*(\#(number))"#, $0) },
      { last(#"\*\*[^*0-9\-]*(\#(number))[^*0-9]*\*\*"#, $0) },
      { last(#"\b[a-z]\s*=\s*(\#(number))(?!\s*[*/+=^(\-]|\.?\d)"#, $0) },
      { last(#"=\s*\$?(\#(number))"#, $0) },
      { last(#"(\#(number))"#, $0) },
    ]
  }

  /// 7, -3.5, 1,200 · 3/4, 1 1/2.
  private static let number = #"-?\s?\d+\s+\d+/\d+|-?\s?\d+/\d+|-?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"#

  private static func last(_ pattern: String, _ text: String) -> Double? {
    guard let expression = try? NSRegularExpression(pattern: pattern, options: [.caseInsensitive]),
      let match = expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).last,
      let range = Range(match.range(at: 1), in: text)
    else { return nil }
    return value(String(text[range]))
  }

  private static func value(_ text: String) -> Double? {
    let negative = text.hasPrefix("-")
    let parts = text.drop { $0 == "-" || $0 == " " }.replacing(",", with: "").split(separator: " ")
    var total = 0.0
    for part in parts {
      let sides = part.split(separator: "/").compactMap { Double($0) }
      guard let first = sides.first, sides.count == 1 || sides[1] != 0 else { return nil }
      total += sides.count == 2 ? first / sides[1] : first
    }
    return negative ? -total : total
  }

  private static let units = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
  ]
  private static let tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

  /// Writes numbers in words and typographic signs as plain digits: `seven` → 7, `twenty-one` → 21,
  /// `−` → `-`, `\frac{3}{4}` → 3/4, `½` → 1/2. A hyphen between a digit and a word is no minus.
  private static func plain(_ text: String) -> String {
    var result = text.lowercased()
    for (sign, plain) in [("−", "-"), ("–", "-"), ("½", " 1/2"), ("¼", " 1/4"), ("¾", " 3/4"), ("\\$", "$")] {
      result = result.replacing(sign, with: plain)
    }
    result = substitute(#"\\d?frac\{(\d+)\}\{(\d+)\}"#, "$1/$2", result)
    for (place, ten) in tens.enumerated() {
      for (unit, word) in units.enumerated() where (1...9).contains(unit) {
        result = substitute(#"\b\#(ten)[- ]\#(word)\b"#, String((place + 2) * 10 + unit), result)
      }
      result = substitute(#"\b\#(ten)\b"#, String((place + 2) * 10), result)
    }
    // "one" is more often a pronoun than a result: it counts only where a result is announced.
    result = substitute(#"(answer(?: is)?:?|=)\s*one\b"#, "$1 1", result)
    for (unit, word) in units.enumerated() where unit != 1 {
      result = substitute(#"\b\#(word)\b"#, String(unit), result)
    }
    return result
  }

  private static func substitute(_ pattern: String, _ template: String, _ text: String) -> String {
    guard let expression = try? NSRegularExpression(pattern: pattern) else { return text }
    return expression.stringByReplacingMatches(
      in: text, range: NSRange(text.startIndex..., in: text), withTemplate: template)
  }
}
