/// Quadratic equations with two small whole roots, solved by factoring; the larger one is asked
/// for.
///
/// Held out: the frames under `heldOut`, and the pairs (letter, smaller root) that `Split` keeps
/// back.
/// Difficulty: `largest`, the largest root.
struct Quadratics: ItemSource {
  var largest = 5

  static let letters = ["x", "y", "n", "t"]

  static let asking = Phrasings(
    training: [
      "Solve the quadratic equation {equation}. Give the larger root.",
      "Find the larger root of {equation}.", "{equation}. Find the larger solution.",
      "Factor {equation} and give the larger solution.",
      "What is the larger of the two solutions of {equation}?",
      "The quadratic {equation} has two roots. Which is the larger one?",
      "Determine the larger value of {x} that satisfies {equation}.",
    ],
    heldOut: [
      "Two numbers solve {equation}. Name the larger one.",
      "Work out the bigger root of {equation}.",
      "If {equation}, what is the largest value {x} can have?",
    ])

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (letter, small) = (0, 0)
    repeat {
      letter = random.index(Self.letters.count)
      small = random.int(1...(largest - 1))
    } while !split.owns(letter, small)
    let v = Self.letters[letter]
    let large = random.int((small + 1)...largest)
    let (sum, product) = (small + large, small * large)
    let equation = "\(v)² - \(sum)\(v) + \(product) = 0"
    let frame = Self.asking.pick(split, &random)
    return DemoItem(
      prompt: fill(frame, ["x": v, "equation": equation]),
      response: """
        \(small) * \(large) = \(product), \(small) + \(large) = \(sum)
        (\(v) - \(small))(\(v) - \(large)) = 0
        Answer: \(large)
        """,
      domain: .math, check: .number(Double(large)), phrasings: [frame],
      combination: "quadratic in \(v), smaller root \(small)")
  }
}
