/// Word problems of two steps: packs and one event, or a plain start and two events.
///
/// Held out: every sentence (start, events, question) under `heldOut`, the people, the things, and the
/// chains (start, events) that `Split` keeps back, e.g. plain → share → gain.
/// Difficulty: the ranges of `amounts` and `largest`, the bound on every number on the way.
struct Stories: ItemSource {
  var amounts = 2...6
  var largest = 20

  private enum Event: Int, CaseIterable {
    case gain, lose, times, share
  }

  static let things = Phrasings(
    training: [
      "apples", "books", "coins", "stamps", "pencils", "shells", "cards", "eggs", "marbles", "candles",
      "stickers", "buttons", "beads",
    ],
    heldOut: ["oranges", "tickets", "cookies", "lemons", "stones", "ribbons"])

  static let plainStarts = Phrasings(
    training: [
      "{name} has {n} {things}.", "{name} owns {n} {things}.", "{name} keeps {n} {things} in a box.",
      "At first {name} has {n} {things}.", "There are {n} {things} on {name}'s table.",
    ],
    heldOut: ["{name} starts the day with {n} {things}.", "In {name}'s bag are {n} {things}."])

  static let packStarts = Phrasings(
    training: [
      "{name} buys {k} bags with {n} {things} each.", "{name} has {k} boxes of {n} {things}.",
      "{name} fills {k} trays with {n} {things} each.",
      "{name} carries {k} baskets, each with {n} {things}.",
      "In each of {name}'s {k} drawers lie {n} {things}.",
    ],
    heldOut: [
      "{name} owns {k} jars, and each jar holds {n} {things}.",
      "{name} gets {k} packs with {n} {things} in each.",
    ])

  private static let events: [Event: Phrasings] = [
    .gain: Phrasings(
      training: [
        "Then {name} finds {n} more.", "Then {name} buys {n} more.", "Later a friend brings {n} more.",
        "{name} gets {n} new ones.", "Then {n} more arrive.", "{name} receives another {n}.",
        "Then {name} adds {n} to them.", "After that {name} picks up another {n}.",
        "Next, {n} more come in the mail.",
      ],
      heldOut: ["Afterwards {name} wins {n} more.", "In the evening {n} further ones are added."]),
    .lose: Phrasings(
      training: [
        "Then {name} gives away {n}.", "Then {name} loses {n}.", "Later {name} sells {n} of them.",
        "{n} of them break.", "Then {n} of them are lost.", "{name} throws away {n} of them.",
        "Then {name} gives {n} to a friend.", "Later {n} of them are gone.",
        "{name} must give {n} of them back.", "After that {name} gives {n} of them to a neighbor.",
        "Next, {n} of them get lost.",
      ],
      heldOut: ["Afterwards {n} of them are stolen.", "In the evening {name} hands {n} of them to a sister."]),
    .times: Phrasings(
      training: [
        "Then the number grows to {n} times as many.", "Later {name} has {n} times as many.",
        "Then a game makes it {n} times as many.", "Soon there are {n} times as many.",
        "After a while it is {n} times as many.", "Next, a trick turns them into {n} times as many.",
      ],
      heldOut: [
        "Afterwards there are {n} times as many of them.", "In the evening {name} owns {n} times as many.",
      ]),
    .share: Phrasings(
      training: [
        "Then {name} splits them into {n} equal groups and keeps one group.",
        "Later {name} shares them equally among {n} friends. Look at one share.",
        "Then they are divided equally into {n} piles, and {name} takes one pile.",
        "They are put into {n} equal rows. Take one row.",
        "After that {name} divides them into {n} equal parts and picks one part.",
        "Next, they are split equally into {n} jars, and {name} takes one jar.",
      ],
      heldOut: [
        "Afterwards {name} makes {n} equal heaps of them and keeps one heap.",
        "In the evening they are shared equally by {n} people, {name} among them. Look at what {name} gets.",
      ]),
  ]

  static let questions = Phrasings(
    training: [
      "How many {things} are there now?", "How many {things} is that in the end?",
      "How many {things} are left?", "What is the final number of {things}?",
      "Count the {things} at the end.",
    ],
    heldOut: ["How many {things} does that make?", "Say how many {things} there are at last."])

  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem {
    while true {
      let packs = random.index(3) == 0
      let first = random.pick(Event.allCases)
      let second = random.pick(Event.allCases)
      let kinds = packs ? [first] : [first, second]
      guard split.owns(packs ? 1 : 0, kinds.map(\.rawValue).reduce(0, +)) else { continue }
      if let item = tell(packs, kinds, split, &random) { return item }
    }
  }

  /// nil when the numbers drawn do not work out (a share with a remainder, a number out of range).
  private func tell(
    _ packs: Bool, _ kinds: [Event], _ split: Split, _ random: inout SplitMix64
  ) -> DemoItem? {
    let slots = [
      "name": random.pick(People.names(split)), "things": Self.things.pick(split, &random),
    ]
    var count = random.int(packs ? amounts : 3...12)
    var steps: [String] = []
    var templates = [(packs ? Self.packStarts : Self.plainStarts).pick(split, &random)]
    var sentences: [String] = []
    if packs {
      let bags = random.int(amounts)
      sentences.append(
        fill(templates[0], slots.merging(["n": "\(count)", "k": "\(bags)"]) { $1 }))
      steps.append("\(bags) packs of \(count): \(bags) * \(count) = \(bags * count)")
      count *= bags
    } else {
      sentences.append(fill(templates[0], slots.merging(["n": "\(count)"]) { $1 }))
    }
    for kind in kinds {
      guard let template = Self.events[kind]?.pick(split, &random) else { return nil }
      let n = random.int(kind == .times || kind == .share ? 2...5 : amounts)
      let before = count
      switch kind {
      case .gain: count += n
      case .lose: count -= n
      case .times: count *= n
      case .share:
        guard count % n == 0 else { return nil }
        count /= n
      }
      guard (1...largest).contains(count) else { return nil }
      steps.append(step(kind, from: before, by: n, to: count))
      templates.append(template)
      sentences.append(fill(template, slots.merging(["n": "\(n)"]) { $1 }))
    }
    let question = Self.questions.pick(split, &random)
    return DemoItem(
      prompt: (sentences + [fill(question, slots)]).joined(separator: " "),
      response: (steps + ["Answer: \(count)"]).joined(separator: "\n"),
      domain: .math, check: .number(Double(count)), phrasings: templates + [question],
      combination: "story \(packs ? "packs" : "plain"), \(kinds.map { "\($0)" }.joined(separator: ", "))")
  }

  /// The event in two fixed words, number first, and its sum: `3 less: 20 - 3 = 17`. Naming the event
  /// before the sign lets a small model settle what happened before it settles what to compute.
  private func step(_ kind: Event, from before: Int, by n: Int, to count: Int) -> String {
    switch kind {
    case .gain: "\(n) more: \(before) + \(n) = \(count)"
    case .lose: "\(n) less: \(before) - \(n) = \(count)"
    case .times: "\(n) times: \(before) * \(n) = \(count)"
    case .share: "\(n) parts: \(before) / \(n) = \(count)"
    }
  }
}
