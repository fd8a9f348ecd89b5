/// The one who is missing: a list of the expected, to be held against a list of those who came.
///
/// Held out: the sentences and questions under `heldOut`, the people, and the pairs (occasion, size of the
/// group) that `Split` keeps back.
/// Difficulty: `sizes`.
struct Absences: ItemSource {
  var sizes = 3...4

  static let occasions = ["party", "race", "concert", "picnic", "class", "trip", "dinner"]

  static let expecting = Phrasings(
    training: [
      "{all} were invited to the {occasion}.", "{all} signed up for the {occasion}.",
      "{all} planned to join the {occasion}.", "The list for the {occasion} names {all}.",
      "{all} were expected at the {occasion}.",
    ],
    heldOut: ["For the {occasion} we counted on {all}.", "{all} had said yes to the {occasion}."])
  static let coming = Phrasings(
    training: [
      "{some} came.", "{some} came to the {occasion}.", "On that day {some} came.", "{some} showed up.",
      "At the door we saw {some}.",
    ],
    heldOut: ["{some} were there.", "In the end only {some} appeared."])
  static let questions = Phrasings(
    training: [
      "Who did not come?", "Who was missing?", "Who missed the {occasion}?", "Who stayed away?",
      "Which person was absent from the {occasion}?",
    ],
    heldOut: ["Who never arrived?", "Which name is missing from those at the {occasion}?"])

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (occasion, size) = (0, 0)
    repeat {
      occasion = random.index(Self.occasions.count)
      size = random.int(sizes)
    } while !split.owns(occasion, size)
    let names = random.pick(size, of: People.names(split))
    let missing = random.index(size)
    let came = random.shuffled(names.filter { $0 != names[missing] })
    let slots = [
      "all": listing(names), "some": listing(came), "occasion": Self.occasions[occasion],
    ]
    let templates = [Self.expecting, Self.coming, Self.questions].map { $0.pick(split, &random) }
    let verdicts = names.prefix(missing).map { "\($0) came." } + ["\(names[missing]) did not come."]
    return PassageFrames.item(
      split, &random, sentences: templates.prefix(2).map { fill($0, slots) },
      question: fill(templates[2], slots), evidence: verdicts.joined(separator: " "), answer: names[missing],
      candidates: names, phrasings: templates, combination: "absence: \(Self.occasions[occasion]) of \(size)")
  }
}
