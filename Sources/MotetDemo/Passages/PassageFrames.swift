/// The words around a passage and its question, the same for all families of questions.
///
/// Every response first says the facts that decide, as far as needed, then `Answer: …`. So the answer is
/// always what the facts named last, which a small model learns from few rows.
enum PassageFrames {
  static let frames = Phrasings(
    training: [
      "{passage}\nQuestion: {question}", "Passage: {passage}\n{question}",
      "Read the passage. {passage}\nQuestion: {question}", "{passage}\n{question}",
      "Text: {passage}\nAnswer this about the text: {question}",
      "Here is a note. {passage}\nTell me: {question}",
    ],
    heldOut: [
      "Consider these lines. {passage}\nNow say: {question}",
      "{passage} From what you just read: {question}",
    ])

  static func item(
    _ split: Split, _ random: inout SplitMix64, sentences: [String], question: String, evidence: String,
    answer: String, candidates: [String], phrasings: [String], combination: String
  ) -> DemoItem {
    let frame = frames.pick(split, &random)
    let passage = sentences.joined(separator: " ")
    return DemoItem(
      prompt: fill(frame, ["passage": passage, "question": question]),
      response: "\(evidence)\nAnswer: \(answer)", domain: .qa,
      check: .text(
        accepted: [answer], distractors: candidates.filter { $0 != answer }, passage: passage),
      phrasings: phrasings + [frame], combination: combination)
  }
}

/// `a`, `a and b`, `a, b and c`.
func listing(_ names: [String]) -> String {
  guard let last = names.last, names.count > 1 else { return names.first ?? "" }
  return names.dropLast().joined(separator: ", ") + " and " + last
}
