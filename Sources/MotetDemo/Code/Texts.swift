/// Functions over the characters of one string: action × transformation × filter.
///
/// Held out: as for `NumberLists`.
/// Difficulty: the lists of pieces.
struct Texts: ItemSource {
  private static let samples = [
    "Blue Sky 42", "room 7b", "Hello World", "Order 66 Now", "a1b2C3", "Green Tea", "Top 10 Hits",
    "x9 Yes no",
    "Sea And Sand 5", "The End 2", "Maple Street 18", "Jazz at 9",
  ]
  private static let vowels = Set("aeiou")

  private static let filters: [Filter<Character>] = [
    filter("the vowels", "all vowels", "c in 'aeiou'") { vowels.contains($0) },
    filter("the digits", "all digits", "c.isdigit()") { $0.isNumber },
    filter("the letters", "all letters", "c.isalpha()") { $0.isLetter },
    filter("the upper-case letters", "all upper-case letters", "c.isupper()") { $0.isUppercase },
    filter("the lower-case letters", "all lower-case letters", "c.islower()") { $0.isLowercase },
    filter("the characters that are not spaces", "all characters except spaces", "c != ' '") { $0 != " " },
  ]

  private static func filter(
    _ phrase: String, _ heldOut: String, _ condition: String,
    _ passes: @escaping @Sendable (Character) -> Bool
  ) -> Filter<Character> {
    Filter(phrase: Phrasings(training: [phrase], heldOut: [heldOut]), condition: condition, passes: passes)
  }

  private static let transformations: [Transformation<Character, String>] = [
    Transformation(phrase: "", expression: "c") { String($0) },
    Transformation(phrase: "the upper-case forms of ", expression: "c.upper()") { String($0).uppercased() },
    Transformation(phrase: "the lower-case forms of ", expression: "c.lower()") { String($0).lowercased() },
    Transformation(phrase: "two copies each of ", expression: "c * 2") { String(repeating: $0, count: 2) },
  ]

  private static let actions: [Action<String>] = [
    Action(phrase: "a list of ", before: "[", after: "]") {
      PythonLiteral.list($0.map(PythonLiteral.string))
    },
    Action(phrase: "a string of ", before: "''.join(", after: ")") {
      PythonLiteral.string($0.joined())
    },
    Action(phrase: "a string that joins with dashes ", before: "'-'.join(", after: ")") {
      PythonLiteral.string($0.joined(separator: "-"))
    },
    Action(phrase: "the count of ", before: "len([", after: "])") { String($0.count) },
  ]

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (f, t, a) = (0, 0, 0)
    repeat {
      f = random.index(Self.filters.count)
      a = random.index(Self.actions.count)
      t = a == 3 ? 0 : random.index(Self.transformations.count)
    } while !split.owns(f, t, a)
    let (filter, transformation, action) = (Self.filters[f], Self.transformations[t], Self.actions[a])
    let noun = filter.phrase.pick(split, &random)
    let cases = random.pick(5, of: Self.samples).map { sample in
      CodeCase(
        argument: PythonLiteral.string(sample),
        expected: action.literal(sample.filter(filter.passes).map(transformation.apply)))
    }
    return CodeFrames.item(
      split, &random, frames: CodeFrames.texts, parameter: "text", element: "c",
      what: action.phrase + transformation.phrase + noun + " in text", before: action.before,
      expression: transformation.expression, condition: filter.condition, after: action.after, noun: noun,
      cases: cases, combination: "text: \(a) of \(t) of \(f)")
  }
}
