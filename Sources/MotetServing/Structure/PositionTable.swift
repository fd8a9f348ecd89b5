/// The positions of texts that were met, by number, and the steps between them: what judging a vocabulary walks over.
///
/// Nothing in it is needed but for speed, and all of it can be dropped at any time.
struct PositionTable {
  private let grammar: ByteGrammar
  private(set) var positions: [TextPosition] = []
  private var numbers: [TextPosition: Int32] = [:]
  /// By position and class of bytes; -1 where it is not known yet.
  private var steps: [Int32] = []
  /// How often it was emptied: numbers hold until then.
  private(set) var generation = 0
  var memory: Int { 4 * steps.capacity + positionBytes }
  private var positionBytes = 0
  /// Positions that were new, all in all.
  private(set) var made = 0
  /// Places of the positions that were made, all in all.
  private(set) var work = 0

  static let nowhere: Int32 = 0

  init(_ grammar: ByteGrammar) {
    self.grammar = grammar
    clear()
  }

  mutating func clear() {
    positions = []
    numbers = [:]
    steps = []
    positionBytes = 0
    generation += 1
    _ = number(of: .nowhere)
  }

  mutating func number(of position: TextPosition) -> Int32 {
    if let known = numbers[position] { return known }
    let new = Int32(positions.count)
    positions.append(position)
    made += 1
    numbers[position] = new
    steps += repeatElement(-1, count: grammar.representatives.count)
    // In the list and, where there is room for twice as many, among the keys.
    positionBytes += position.memory + 80
    return new
  }

  @inline(__always)
  mutating func step(_ position: Int32, _ byte: UInt8) -> Int32 {
    let kind = Int(grammar.classes[Int(byte)])
    let known = steps[Int(position) * grammar.representatives.count + kind]
    return known >= 0 ? known : make(position, kind)
  }

  private mutating func make(_ position: Int32, _ kind: Int) -> Int32 {
    let next = grammar.step(positions[Int(position)], grammar.representatives[kind])
    work += 8 + positions[Int(position)].placeCount + next.placeCount
    let number = number(of: next)
    steps[Int(position) * grammar.representatives.count + kind] = number
    return number
  }
}
