/// Functions over a list of whole numbers: action × transformation × filter.
///
/// Held out: the frames of `CodeFrames` and the filters' wordings under `heldOut`, the function names, and
/// the triples that `Split` keeps back, e.g. the largest of the cubes of the odd numbers.
/// Difficulty: the lists `filters`, `transformations` and `actions`; `bounds` for the constants.
struct NumberLists: ItemSource {
  var bounds = 2...9

  private static func filters(_ k: Int) -> [Filter<Int>] {
    func filter(
      _ phrase: String, _ heldOut: String, _ condition: String?, _ passes: @escaping @Sendable (Int) -> Bool
    ) -> Filter<Int> {
      Filter(phrase: Phrasings(training: [phrase], heldOut: [heldOut]), condition: condition, passes: passes)
    }
    return [
      filter("the even numbers", "the numbers that are even", "n % 2 == 0") { $0 % 2 == 0 },
      filter("the odd numbers", "the numbers that are odd", "n % 2 == 1") { $0 % 2 != 0 },
      filter("the positive numbers", "the numbers that are positive", "n > 0") { $0 > 0 },
      filter("the negative numbers", "the numbers that are negative", "n < 0") { $0 < 0 },
      filter("the numbers greater than \(k)", "the numbers that are greater than \(k)", "n > \(k)") {
        $0 > k
      },
      filter("the numbers less than \(k)", "the numbers that are less than \(k)", "n < \(k)") { $0 < k },
      filter(
        "the numbers divisible by \(k)", "the numbers that are divisible by \(k)", "n % \(k) == 0"
      ) { $0 % k == 0 },
      filter("all numbers", "all of the numbers", nil) { _ in true },
    ]
  }

  private static func transformations(_ m: Int) -> [Transformation<Int, Int>] {
    [
      Transformation(phrase: "", expression: "n") { $0 },
      Transformation(phrase: "the squares of ", expression: "n * n") { $0 * $0 },
      Transformation(phrase: "the cubes of ", expression: "n ** 3") { $0 * $0 * $0 },
      Transformation(phrase: "the doubles of ", expression: "n * 2") { $0 * 2 },
      Transformation(phrase: "the absolute values of ", expression: "abs(n)") { abs($0) },
      Transformation(phrase: "\(m) times ", expression: "n * \(m)") { $0 * m },
      Transformation(phrase: "the results of adding \(m) to ", expression: "n + \(m)") { $0 + m },
    ]
  }

  private static let actions: [Action<Int>] = [
    Action(phrase: "a list of ", before: "[", after: "]") { PythonLiteral.list($0.map(String.init)) },
    Action(phrase: "the sum of ", before: "sum(", after: ")") { String($0.reduce(0, +)) },
    Action(phrase: "the largest of ", before: "max(", after: ")") { String($0.max() ?? 0) },
    Action(phrase: "the smallest of ", before: "min(", after: ")") { String($0.min() ?? 0) },
    Action(phrase: "a sorted list of ", before: "sorted(", after: ")") {
      PythonLiteral.list($0.sorted().map(String.init))
    },
    Action(phrase: "the count of ", before: "len([", after: "])") { String($0.count) },
  ]

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (f, t, a) = (0, 0, 0)
    let k = random.int(bounds)
    let m = random.int(3...9)
    let filters = Self.filters(k)
    let transformations = Self.transformations(m)
    repeat {
      f = random.index(filters.count)
      a = random.index(Self.actions.count)
      // How many there are does not depend on what they become.
      t = Self.actions[a].phrase == "the count of " ? 0 : random.index(transformations.count)
    } while !split.owns(f, t, a)
    let (filter, transformation, action) = (filters[f], transformations[t], Self.actions[a])
    let noun = filter.phrase.pick(split, &random)
    var cases: [CodeCase] = []
    while cases.count < 4 {
      let numbers = (0..<random.int(5...8)).map { _ in random.int(-12...24) }
      let kept = numbers.filter(filter.passes)
      guard !kept.isEmpty, filter.condition == nil || kept.count < numbers.count else { continue }
      cases.append(
        CodeCase(
          argument: PythonLiteral.list(numbers.map(String.init)),
          expected: action.literal(kept.map(transformation.apply))))
    }
    return CodeFrames.item(
      split, &random, frames: CodeFrames.lists, parameter: "numbers", element: "n",
      what: action.phrase + transformation.phrase + noun, before: action.before,
      expression: transformation.expression, condition: filter.condition, after: action.after, noun: noun,
      cases: cases, combination: "numbers: \(a) of \(t) of \(f)")
  }
}
