/// Who is at a given place of an order: the list must be counted through.
///
/// Held out: the sentences and questions under `heldOut`, the people, and the pairs (occasion, place) that
/// `Split` keeps back.
/// Difficulty: `size`, the length of the list.
struct Positions: ItemSource {
  var size = 5

  static let ordinals = ["second", "third", "fourth", "fifth"]

  private struct Occasion {
    let name: String
    let fact: Phrasings
    let question: Phrasings
  }

  private static let occasions: [Occasion] = [
    Occasion(
      name: "race",
      fact: Phrasings(
        training: [
          "The race ended in this order: {all}.", "{all} finished the race in this order.",
          "The results of the race read {all}.",
        ],
        heldOut: ["Across the line of the race ran {all}."]),
      question: Phrasings(
        training: ["Who finished {rank}?", "Who was {rank} in the race?", "Which runner came in {rank}?"],
        heldOut: ["Who took the {rank} place?"])),
    Occasion(
      name: "queue",
      fact: Phrasings(
        training: [
          "In the queue stand {all}, in this order.", "The queue from front to back is {all}.",
          "These people wait in line, front to back: {all}.",
        ],
        heldOut: ["Lined up from the front are {all}."]),
      question: Phrasings(
        training: [
          "Who is {rank} in the queue?", "Who stands {rank}?", "Which person waits {rank} in line?",
        ],
        heldOut: ["Who will be served {rank}?"])),
    Occasion(
      name: "speeches",
      fact: Phrasings(
        training: [
          "Speeches were given by {all}, in this order.", "The speakers in order were {all}.",
          "One after the other spoke {all}.",
        ],
        heldOut: ["The program of speeches lists {all}."]),
      question: Phrasings(
        training: ["Who spoke {rank}?", "Who was the {rank} speaker?", "Whose speech came {rank}?"],
        heldOut: ["Which person gave the {rank} speech?"])),
    Occasion(
      name: "arrivals",
      fact: Phrasings(
        training: [
          "The guests arrived in this order: {all}.", "At the house arrived {all}, in this order.",
          "Through the door stepped, one by one, {all}.",
        ],
        heldOut: ["The bell rang for {all}, one after another."]),
      question: Phrasings(
        training: ["Who arrived {rank}?", "Who was the {rank} guest?", "Which guest came {rank}?"],
        heldOut: ["Who was the {rank} to be let in?"])),
  ]

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    var (occasion, place) = (0, 0)
    repeat {
      occasion = random.index(Self.occasions.count)
      place = random.index(min(Self.ordinals.count, size - 1))
    } while !split.owns(occasion, place)
    let names = random.pick(size, of: People.names(split))
    let fact = Self.occasions[occasion].fact.pick(split, &random)
    let question = Self.occasions[occasion].question.pick(split, &random)
    let counted = names.prefix(place + 2).enumerated().map { "\($0 + 1) is \($1)." }
    return PassageFrames.item(
      split, &random, sentences: [fill(fact, ["all": listing(names)])],
      question: fill(question, ["rank": Self.ordinals[place]]), evidence: counted.joined(separator: " "),
      answer: names[place + 1], candidates: names, phrasings: [fact, question],
      combination: "position: \(Self.occasions[occasion].name), \(Self.ordinals[place])")
  }
}
