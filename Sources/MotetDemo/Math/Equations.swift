/// Linear equations in one unknown, solved in two lines.
///
/// Held out: the frames of `asking` under `heldOut`, and the pairs (form, letter) that `Split` keeps back,
/// e.g. `a(x + b) = c` in `y`.
/// Difficulty: `factors`, `solutions` and `summands`; with the ranges below no number exceeds 35.
struct Equations: ItemSource {
  var factors = 2...5
  var solutions = 2...6
  var summands = 1...5

  static let letters = ["x", "y", "n", "t", "k"]

  static let asking = Phrasings(
    training: [
      "Solve for {x}: {equation}", "Find {x} if {equation}.", "Solve the equation {equation}.",
      "What is {x} when {equation}?", "Work out {x}: {equation}", "{equation}. Find the value of {x}.",
      "Determine {x} such that {equation}.", "If {equation}, what number is {x}?",
      "Which value of {x} makes {equation} true?", "Given the equation {equation}, compute {x}.",
    ],
    heldOut: [
      "We know that {equation}. How large is {x}?", "For which {x} does {equation} hold?",
      "Suppose {equation}. Tell me the value of {x}.", "Get {x} from the equation {equation}.",
    ])

  /// One way to write an equation, with the lines that solve it.
  private struct Form {
    let name: String
    /// Factor a, solution x, summand b, letter → equation and steps.
    let write: @Sendable (_ a: Int, _ x: Int, _ b: Int, _ v: String) -> (String, [String], Int)
  }

  private static let forms: [Form] = [
    Form(name: "ax+b=c") { a, x, b, v in
      let c = a * x + b
      return ("\(a)\(v) + \(b) = \(c)", plusSteps(a, x, b, c, v), x)
    },
    Form(name: "ax-b=c") { a, x, b, v in
      let c = a * x - b
      return (
        "\(a)\(v) - \(b) = \(c)", ["\(a)\(v) = \(c) + \(b) = \(a * x)", "\(v) = \(a * x) / \(a) = \(x)"], x
      )
    },
    Form(name: "b+ax=c") { a, x, b, v in
      let c = a * x + b
      return ("\(b) + \(a)\(v) = \(c)", plusSteps(a, x, b, c, v), x)
    },
    Form(name: "a(x+b)=c") { a, x, b, v in
      let c = a * (x + b)
      return (
        "\(a)(\(v) + \(b)) = \(c)",
        ["\(v) + \(b) = \(c) / \(a) = \(x + b)", "\(v) = \(x + b) - \(b) = \(x)"],
        x
      )
    },
    Form(name: "x/a+b=c") { a, x, b, v in
      (
        "\(v)/\(a) + \(b) = \(x + b)",
        ["\(v)/\(a) = \(x + b) - \(b) = \(x)", "\(v) = \(x) * \(a) = \(a * x)"], a * x
      )
    },
    Form(name: "x/a-b=c") { a, x, b, v in
      (
        "\(v)/\(a) - \(b) = \(x)",
        ["\(v)/\(a) = \(x) + \(b) = \(x + b)", "\(v) = \(x + b) * \(a) = \(a * (x + b))"],
        a * (x + b)
      )
    },
    Form(name: "c=ax+b") { a, x, b, v in
      let c = a * x + b
      return ("\(c) = \(a)\(v) + \(b)", plusSteps(a, x, b, c, v), x)
    },
  ]

  private static func plusSteps(_ a: Int, _ x: Int, _ b: Int, _ c: Int, _ v: String) -> [String] {
    ["\(a)\(v) = \(c) - \(b) = \(a * x)", "\(v) = \(a * x) / \(a) = \(x)"]
  }

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (form, letter) = (0, 0)
    repeat {
      form = random.index(Self.forms.count)
      letter = random.index(Self.letters.count)
    } while !split.owns(form, letter)
    let v = Self.letters[letter]
    // With the unknown in brackets both factors of the product stay in the multiplication table.
    let bracket = ["a(x+b)=c", "x/a-b=c"].contains(Self.forms[form].name)
    let a = random.int(factors)
    let b = bracket ? random.int(1...5) : random.int(summands)
    let x = bracket ? random.int(1...4) : random.int(solutions)
    let (equation, steps, answer) = Self.forms[form].write(a, x, max(1, min(b, a * x - 1)), v)
    let frame = Self.asking.pick(split, &random)
    return DemoItem(
      prompt: fill(frame, ["x": v, "equation": equation]),
      response: (steps + ["Answer: \(answer)"]).joined(separator: "\n"),
      domain: .math, check: .number(Double(answer)), phrasings: [frame],
      combination: "equation \(Self.forms[form].name) in \(v)")
  }
}
