/// A short function is composed of an action over a transformation of the elements that pass a filter:
/// *the sum of* · *the squares of* · *the even numbers*. The pieces below carry what to say, what to write,
/// and what to compute, so the expected results do not come from running the reference answer.

/// Which elements: a noun phrase, a Python condition over the element's name, and the same in Swift.
struct Filter<Element>: Sendable {
  let phrase: Phrasings
  let condition: String?
  let passes: @Sendable (Element) -> Bool
}

/// What becomes of each: a prefix of the noun phrase, a Python expression, and the same in Swift.
struct Transformation<Element, Result>: Sendable {
  let phrase: String
  let expression: String
  let apply: @Sendable (Element) -> Result
}

/// What is made of them all: a prefix of the noun phrase, and Python around the comprehension.
struct Action<Result>: Sendable {
  let phrase: String
  let before: String
  let after: String
  /// The result as a Python literal.
  let literal: @Sendable ([Result]) -> String
}

/// The words around the description, the same for all families of code items.
enum CodeFrames {
  static let lists = Phrasings(
    training: [
      "Write a Python function {f}({p}) that returns {what}.",
      "Create a Python function named {f} that takes a list {p} and returns {what}.",
      "Define {f}({p}) in Python. It should return {what}.",
      "I need a Python function {f}({p}) returning {what}.",
      "Python: write {f}({p}), which returns {what}.",
    ],
    heldOut: [
      "Implement {f}({p}) in Python so that it gives back {what}.",
      "Code a Python function called {f} with one list argument {p}. Its result is {what}.",
      "Please program the Python function {f}({p}); it has to return {what}.",
    ])

  static let texts = Phrasings(
    training: [
      "Write a Python function {f}({p}) that returns {what}.",
      "Create a Python function named {f} that takes a string {p} and returns {what}.",
      "Define {f}({p}) in Python. It should return {what}.",
      "I need a Python function {f}({p}) returning {what}.",
    ],
    heldOut: [
      "Implement {f}({p}) in Python so that it gives back {what}.",
      "Code a Python function called {f} with one string argument {p}. Its result is {what}.",
    ])

  static let names = Phrasings(
    training: ["solve", "compute", "process", "calculate", "build", "transform"],
    heldOut: ["run", "evaluate", "work", "make"])

  /// The item of a composition. `element` is the comprehension's name for one element of `parameter`.
  static func item(
    _ split: Split, _ random: inout SplitMix64, frames: Phrasings, parameter: String, element: String,
    what: String, before: String, expression: String, condition: String?, after: String, noun: String,
    cases: [CodeCase], combination: String
  ) -> DemoItem {
    let frame = frames.pick(split, &random)
    let name = names.pick(split, &random)
    let test = condition.map { " if \($0)" } ?? ""
    return DemoItem(
      prompt: fill(frame, ["f": name, "p": parameter, "what": what]),
      response: """
        def \(name)(\(parameter)):
            return \(before)\(expression) for \(element) in \(parameter)\(test)\(after)
        """,
      domain: .code, check: .code(cases), phrasings: [frame, noun], combination: combination)
  }
}

/// Python literals of the values that the cases need.
enum PythonLiteral {
  static func list(_ items: [String]) -> String { "[" + items.joined(separator: ", ") + "]" }
  static func string(_ text: String) -> String { "'" + text + "'" }
}
