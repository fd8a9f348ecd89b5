/// A small seeded generator: the same seed gives the same data on every machine and Swift version.
///
/// Draws go through the methods below and not through the standard library's `random(in:using:)`, whose
/// algorithm may change between versions.
/// Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014).
struct SplitMix64: Sendable {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A whole number in `range`. The bias of the remainder is below 2⁻⁵⁰ for ranges this small.
  mutating func int(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next() % UInt64(range.count))
  }

  /// An index into a list of `count` entries, which must not be empty.
  mutating func index(_ count: Int) -> Int {
    int(0...(count - 1))
  }

  /// One entry of a list that is not empty.
  mutating func pick<Element>(_ list: [Element]) -> Element {
    list[index(list.count)]
  }

  /// `count` different entries, in random order.
  mutating func pick<Element>(_ count: Int, of list: [Element]) -> [Element] {
    Array(shuffled(list).prefix(count))
  }

  /// Fisher and Yates' shuffle.
  mutating func shuffled<Element>(_ list: [Element]) -> [Element] {
    var result = list
    for last in stride(from: result.count - 1, to: 0, by: -1) {
      result.swapAt(last, int(0...last))
    }
    return result
  }
}
