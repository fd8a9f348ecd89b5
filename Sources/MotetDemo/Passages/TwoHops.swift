/// Two facts must be joined: who has which container, and which container holds what.
///
/// Held out: the sentences and questions under `heldOut`, the people, and the triples (container, kind of
/// contents, direction of the question) that `Split` keeps back.
/// Difficulty: `people`, the number of chains in a passage.
struct TwoHops: ItemSource {
  var people = 3

  static let containers = ["box", "bag", "tent", "boat", "room"]
  static let colors = ["red", "green", "blue", "yellow", "white", "black", "brown", "gray"]
  static let contents = [
    ["cat", "dog", "parrot", "rabbit", "turtle"], ["hammer", "saw", "drill", "shovel", "ladder"],
    ["lemon", "pear", "melon", "peach", "banana"], ["guitar", "drum", "flute", "piano", "trumpet"],
  ]

  /// The facts of a question in one direction. Each is worded so that what is looked up follows what it is
  /// looked up by.
  private struct Direction {
    let name: String
    let first: Phrasings
    let second: Phrasings
    let question: Phrasings
    let evidence: String
  }

  private static let directions = [
    Direction(
      name: "what",
      first: Phrasings(
        training: [
          "{name} has the {c} {l}.", "{name} uses the {c} {l}.", "{name} owns the {c} {l}.",
          "{name} is the owner of the {c} {l}.", "{name} was given the {c} {l}.",
        ],
        heldOut: ["{name} bought the {c} {l}.", "{name} took the {c} {l} for this day."]),
      second: Phrasings(
        training: [
          "The {c} {l} holds a {o}.", "In the {c} {l} is a {o}.", "The {c} {l} contains a {o}.",
          "Inside the {c} {l} one finds a {o}.", "The {c} {l} has a {o} in it.",
        ],
        heldOut: ["Within the {c} {l} there is a {o}.", "You can see in the {c} {l} a {o}."]),
      question: Phrasings(
        training: [
          "What is in the {l} of {name}?", "What does the {l} of {name} hold?",
          "Which thing can be found in {name}'s {l}?",
        ],
        heldOut: ["What would you find if you opened the {l} of {name}?"]),
      evidence: "{name} has the {c} {l}. The {c} {l} holds a {o}."),
    Direction(
      name: "who",
      first: Phrasings(
        training: [
          "The {o} is in the {c} {l}.", "A {o} is in the {c} {l}.", "The {o} was put in the {c} {l}.",
          "One finds the {o} inside the {c} {l}.", "The {o} is kept in the {c} {l}.",
        ],
        heldOut: ["The {o} stays in the {c} {l}.", "Look for the {o} within the {c} {l}."]),
      second: Phrasings(
        training: [
          "The {c} {l} belongs to {name}.", "The {c} {l} is used by {name}.",
          "The owner of the {c} {l} is {name}.", "The {c} {l} was given to {name}.",
        ],
        heldOut: ["The {c} {l} was bought by {name}.", "The {c} {l} is the property of {name}."]),
      question: Phrasings(
        training: [
          "Who has the {l} with the {o}?", "In whose {l} is the {o}?",
          "Which person owns the {l} where the {o} is?",
        ],
        heldOut: ["Whom must we ask for the {o}, as it is in that person's {l}?"]),
      evidence: "The {o} is in the {c} {l}. The {c} {l} belongs to {name}."),
  ]

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (container, kind, direction) = (0, 0, 0)
    repeat {
      container = random.index(Self.containers.count)
      kind = random.index(Self.contents.count)
      direction = random.index(2)
    } while !split.owns(container, kind, direction)
    let names = random.pick(people, of: People.names(split))
    let colors = random.pick(people, of: Self.colors)
    let things = random.pick(people, of: Self.contents[kind])
    let noun = Self.containers[container]
    let facts = Self.directions[direction]
    let first = facts.first.pick(split, &random)
    let second = facts.second.pick(split, &random)
    let question = facts.question.pick(split, &random)
    func slots(_ i: Int) -> [String: String] {
      ["name": names[i], "c": colors[i], "l": noun, "o": things[i]]
    }
    let order = random.shuffled(Array(0..<people))
    let other = random.shuffled(Array(0..<people))
    let sentences = order.map { fill(first, slots($0)) } + other.map { fill(second, slots($0)) }
    let i = random.index(people)
    return PassageFrames.item(
      split, &random, sentences: sentences, question: fill(question, slots(i)),
      evidence: fill(facts.evidence, slots(i)), answer: direction == 0 ? things[i] : names[i],
      candidates: direction == 0 ? things : names, phrasings: [first, second, question],
      combination: "two hops: \(noun), contents \(kind), \(facts.name)")
  }
}
