import MotetTensor

/// Which rows each step of a run takes: a pure function of the seed, so that a resumed run needs only the number of
/// the step it stands at. Part of an epoch takes its first rows.
struct BatchOrder {
  private let source: any ExampleSource
  private let stepRows: Int
  private let shuffles: Bool
  private var generator: SeededGenerator
  private var order: [Int] = []
  private var place = 0
  private var rowsLeft: Int
  /// Steps of the whole run.
  let steps: Int

  init(_ source: any ExampleSource, options: TrainingOptions) {
    self.source = source
    stepRows = options.stepRows
    shuffles = options.shuffles
    generator = SeededGenerator(seed: options.seed, for: "order")
    let count = source.epochLength
    rowsLeft = Int((options.epochs * Double(count)).rounded(.up))
    let (whole, rest) = rowsLeft.quotientAndRemainder(dividingBy: max(1, count))
    steps = whole * count.parts(of: stepRows) + rest.parts(of: stepRows)
  }

  /// The rows of the next step; nil after the last.
  mutating func next() -> [Int]? {
    guard rowsLeft > 0 else { return nil }
    if place == order.count {
      order = source.epochOrder(using: &generator, shuffled: shuffles)
      place = 0
    }
    let end = min(place + stepRows, order.count, place + rowsLeft)
    defer {
      rowsLeft -= end - place
      place = end
    }
    return Array(order[place..<end])
  }
}

extension Int {
  /// How many runs of `size` this many things make, the last one perhaps shorter.
  fileprivate func parts(of size: Int) -> Int { (self + size - 1) / size }
}
