/// Judges what a model wrote, leniently: a right answer counts in any form, so that a low figure means a
/// missing skill and not a strange format.
public enum DemoGrader {
  /// Whether `generated` answers the item. Never fails: what cannot be understood is wrong.
  public static func isCorrect(_ generated: String, for item: DemoItem) -> Bool {
    switch item.check {
    case .number(let expected): NumberGrading.accepts(generated, expected: expected)
    case .code(let cases): CodeGrading.accepts(generated, cases: cases)
    case .text(let accepted, let distractors, let passage):
      TextGrading.accepts(generated, accepted: accepted, distractors: distractors, passage: passage)
    }
  }
}
