/// Functions over a list of words: action × transformation × filter.
///
/// Held out: as for `NumberLists`.
/// Difficulty: the lists of pieces; `lengths` for the constants.
struct WordLists: ItemSource {
  var lengths = 4...6

  private static let vocabulary = [
    "apple", "river", "stone", "bird", "candle", "ant", "music", "tree", "garden", "sun", "bread", "cloud",
    "table", "rose", "silver", "ink", "mountain", "cat", "boat", "lemon", "train", "star", "ocean", "sand",
    "ivy",
    "day", "map", "house",
  ]
  private static let firstLetters = ["a", "b", "c", "m", "r", "s", "t"]
  private static let lastLetters = ["d", "e", "n", "r", "t", "y"]

  private static func filters(_ k: Int, first: String, last: String) -> [Filter<String>] {
    func filter(
      _ phrase: String, _ condition: String?, _ passes: @escaping @Sendable (String) -> Bool
    ) -> Filter<String> {
      Filter(
        phrase: Phrasings(training: ["the words \(phrase)"], heldOut: ["those words \(phrase)"]),
        condition: condition, passes: passes)
    }
    return [
      filter("longer than \(k) letters", "len(w) > \(k)") { $0.count > k },
      filter("shorter than \(k) letters", "len(w) < \(k)") { $0.count < k },
      filter("with exactly \(k) letters", "len(w) == \(k)") { $0.count == k },
      filter("that start with '\(first)'", "w.startswith('\(first)')") { $0.hasPrefix(first) },
      filter("that end with '\(last)'", "w.endswith('\(last)')") { $0.hasSuffix(last) },
      filter("that contain '\(last)'", "'\(last)' in w") { $0.contains(last) },
    ]
  }

  private static let transformations: [Transformation<String, String>] = [
    Transformation(phrase: "", expression: "w") { $0 },
    Transformation(phrase: "the upper-case forms of ", expression: "w.upper()") { $0.uppercased() },
    Transformation(phrase: "the reversed forms of ", expression: "w[::-1]") { String($0.reversed()) },
    Transformation(phrase: "the first letters of ", expression: "w[0]") { String($0.prefix(1)) },
    Transformation(phrase: "the last letters of ", expression: "w[-1]") { String($0.suffix(1)) },
  ]

  private static let actions: [Action<String>] = [
    Action(phrase: "a list of ", before: "[", after: "]") {
      PythonLiteral.list($0.map(PythonLiteral.string))
    },
    Action(phrase: "a sorted list of ", before: "sorted(", after: ")") {
      PythonLiteral.list($0.sorted().map(PythonLiteral.string))
    },
    Action(phrase: "a string that joins with spaces ", before: "' '.join(", after: ")") {
      PythonLiteral.string($0.joined(separator: " "))
    },
    Action(phrase: "the count of ", before: "len([", after: "])") { String($0.count) },
  ]

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (f, t, a) = (0, 0, 0)
    let filters = Self.filters(
      random.int(lengths), first: random.pick(Self.firstLetters), last: random.pick(Self.lastLetters))
    repeat {
      f = random.index(filters.count)
      a = random.index(Self.actions.count)
      t = a == 3 ? 0 : random.index(Self.transformations.count)
    } while !split.owns(f, t, a)
    let (filter, transformation, action) = (filters[f], Self.transformations[t], Self.actions[a])
    let noun = filter.phrase.pick(split, &random)
    var cases: [CodeCase] = []
    while cases.count < 4 {
      let words = random.pick(random.int(6...9), of: Self.vocabulary)
      let kept = words.filter(filter.passes)
      guard !kept.isEmpty, kept.count < words.count else { continue }
      cases.append(
        CodeCase(
          argument: PythonLiteral.list(words.map(PythonLiteral.string)),
          expected: action.literal(kept.map(transformation.apply))))
    }
    return CodeFrames.item(
      split, &random, frames: CodeFrames.lists, parameter: "words", element: "w",
      what: action.phrase + transformation.phrase + noun, before: action.before,
      expression: transformation.expression, condition: filter.condition, after: action.after, noun: noun,
      cases: cases, combination: "words: \(a) of \(t) of \(f)")
  }
}
