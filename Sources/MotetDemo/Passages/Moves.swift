/// A thing is carried from place to place while another moves too: where was it first, where after one move,
/// where is it now?
///
/// Held out: the sentences and questions under `heldOut`, the people, and the triples (thing, kind of
/// place, question) that `Split` keeps back.
/// Difficulty: `moves`, the number of moves of the thing asked about.
struct Moves: ItemSource {
  var moves = 2...2

  static let things = ["key", "lamp", "map", "cup", "ball", "letter"]
  static let places = [
    ["kitchen", "hall", "attic", "cellar", "bedroom"], ["drawer", "closet", "basket", "bag", "trunk"],
    ["garden", "garage", "barn", "yard", "shed"],
  ]

  static let start = Phrasings(
    training: [
      "The {o} was in the {to}.", "At first the {o} was in the {to}.",
      "In the morning the {o} lay in the {to}.",
    ],
    heldOut: ["Someone had left the {o} in the {to}."])
  static let move = Phrasings(
    training: [
      "{name} moved the {o} to the {to}.", "{name} took the {o} to the {to}.",
      "{name} carried the {o} over to the {to}.", "{name} brought the {o} to the {to}.",
    ],
    heldOut: ["Then {name} put the {o} into the {to}.", "{name} came and left the {o} in the {to}."])
  static let questions = [
    Phrasings(
      training: [
        "Where was the {o} at first?", "Where was the {o} in the beginning?",
        "What was the first place of the {o}?", "From where did the {o} start out?",
        "At which place did the {o} start?",
      ],
      heldOut: ["Where was the {o} to begin with?", "What was the starting place of the {o}?"]),
    Phrasings(
      training: [
        "Where was the {o} after one move?", "Where was the {o} after its first move?",
        "What was the second place of the {o}?", "At which place was the {o} after a single move?",
      ],
      heldOut: ["Where was the {o} after it was moved once?"]),
    Phrasings(
      training: [
        "Where is the {o} now?", "Where is the {o} in the end?", "What is the last place of the {o}?",
        "Where did the {o} end?", "At which place does the {o} end up?",
      ],
      heldOut: ["Where is the {o} after all of this?", "Where can the {o} be found now?"]),
  ]

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (thing, kind, asked) = (0, 0, 0)
    repeat {
      thing = random.index(Self.things.count)
      kind = random.index(Self.places.count)
      asked = random.index(3)
    } while !split.owns(thing, kind, asked)
    let object = Self.things[thing]
    let other = random.pick(Self.things.filter { $0 != object })
    let count = random.int(moves)
    let places = random.pick(count + 2, of: Self.places[kind])
    let names = random.pick(count + 1, of: People.names(split))
    let start = Self.start.pick(split, &random)
    let move = Self.move.pick(split, &random)
    let route = Array(places.prefix(count + 1))
    var sentences = [fill(start, ["o": object, "to": route[0]])]
    for step in 1...count {
      sentences.append(fill(move, ["name": names[step], "o": object, "to": route[step]]))
    }
    // The other thing moves at a random moment, the last one included.
    let aside = fill(move, ["name": names[0], "o": other, "to": places[count + 1]])
    sentences.insert(aside, at: random.int(1...sentences.count))
    let question = Self.questions[asked].pick(split, &random)
    let trace = route.prefix([1, 2, count + 1][asked])
    return PassageFrames.item(
      split, &random, sentences: sentences, question: fill(question, ["o": object]),
      evidence: "First: \(trace.joined(separator: ". Then: ")).", answer: trace[trace.count - 1],
      candidates: places, phrasings: [start, move, question],
      combination: "move: \(object), places \(kind), \(["first", "then", "now"][asked])")
  }
}
