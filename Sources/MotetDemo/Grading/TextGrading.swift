import Foundation

/// Decides whether an answer settles on the right one of a passage's candidates.
enum TextGrading {
  /// True when the answer names an accepted one and
  /// - names no other candidate at all, or
  /// - ends in "answer: …" with no other candidate behind it, or
  /// - says so in its first or last sentence that names any (a sentence copied from the passage does not
  ///   count), other sentences saying something else of the others.
  ///
  /// A list of candidates, in one sentence or in several of one shape, settles on none and is wrong.
  static func accepts(_ generated: String, accepted: [String], distractors: [String], passage: String) -> Bool
  {
    let text = words(generated)
    func names(_ text: [String], _ candidates: [String]) -> Bool {
      candidates.contains { contains(text, words($0)) }
    }
    func settles(_ text: [String]) -> Bool { names(text, accepted) && !names(text, distractors) }
    if let announced = conclusion(of: generated) {
      if settles(announced) { return true }
      if names(announced, distractors) { return false }
    }
    guard names(text, accepted) else { return false }
    if settles(text) { return true }
    let copied = Set(sentences(passage))
    let telling = sentences(generated).filter { sentence in
      !copied.contains(sentence) && (names(sentence, accepted) || names(sentence, distractors))
    }
    guard let first = telling.first, let last = telling.last else { return false }
    let candidates = Set((accepted + distractors).flatMap(words))
    let shapes = telling.map { sentence in sentence.filter { !candidates.contains($0) } }
    // "Anna. Ben. Clara." says the same of all three.
    return (settles(first) && !shapes.dropFirst().contains(shapes[0]))
      || (settles(last) && !shapes.dropLast().contains(shapes[shapes.count - 1]))
  }

  /// Lower-case words without punctuation and articles, accents dropped; `Anna's` → `anna`.
  static func words(_ text: String) -> [String] {
    text.folding(options: [.diacriticInsensitive, .caseInsensitive], locale: nil).lowercased()
      .replacing("'s", with: "").replacing("’s", with: "")
      .split { !$0.isLetter && !$0.isNumber }.map(String.init)
      .filter { !["a", "an", "the"].contains($0) }
  }

  private static func sentences(_ text: String) -> [[String]] {
    text.split { ".!?\n;".contains($0) }.map { words(String($0)) }.filter { !$0.isEmpty }
  }

  /// Whole words, in a row.
  private static func contains(_ text: [String], _ part: [String]) -> Bool {
    guard !part.isEmpty, part.count <= text.count else { return false }
    return (0...(text.count - part.count)).contains { Array(text[$0..<($0 + part.count)]) == part }
  }

  /// The first sentence or line after the last "answer:" or "answer is".
  private static func conclusion(of text: String) -> [String]? {
    let lower = text.lowercased()
    let marks = ["answer:", "answer is:", "answer is", "answer would be"]
    guard let end = marks.compactMap({ lower.range(of: $0, options: .backwards)?.upperBound }).max() else {
      return nil
    }
    return sentences(String(lower[end...])).first
  }
}
