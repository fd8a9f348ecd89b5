/// A regular expression, parsed.
indirect enum PatternNode: Equatable, Sendable {
  /// One character out of a set.
  case set(ScalarSet)
  case sequence([PatternNode])
  /// The first alternative that leads to a match counts.
  case alternation([PatternNode])
  case repetition(PatternNode, atLeast: Int, atMost: Int, Greed)
  /// What matched inside is not given back.
  case atomic(PatternNode)
  case lookahead(PatternNode, negated: Bool)
  case lookbehind(PatternNode, negated: Bool)
  case assertion(Assertion)

  /// How often a repetition tries first, and whether it gives back.
  enum Greed: Sendable { case greedy, lazy, possessive }

  /// A condition on a place between two characters.
  enum Assertion: UInt8, Sendable {
    case lineStart, lineEnd, textStart, textEnd, textEndOrLastNewline, wordBoundary, noWordBoundary
  }

  static let empty = PatternNode.sequence([])
  /// Stands for "any number of times".
  static let unlimited = Int(Int32.max)

  /// The fewest and the most characters that a match has.
  var lengths: ClosedRange<Int> {
    switch self {
    case .set: return 1...1
    case .sequence(let nodes):
      return nodes.map(\.lengths).reduce(0...0) { Self.sum($0, $1) }
    case .alternation(let nodes):
      let all = nodes.map(\.lengths)
      return (all.map(\.lowerBound).min() ?? 0)...(all.map(\.upperBound).max() ?? 0)
    case .repetition(let node, let low, let high, _):
      let each = node.lengths
      return Self.product(each.lowerBound, low)...Self.product(each.upperBound, high)
    case .atomic(let node): return node.lengths
    case .lookahead, .lookbehind, .assertion: return 0...0
    }
  }

  var isNullable: Bool { lengths.lowerBound == 0 }

  private static func sum(_ left: ClosedRange<Int>, _ right: ClosedRange<Int>) -> ClosedRange<Int> {
    func sum(_ a: Int, _ b: Int) -> Int { min(a + b, unlimited) }
    return sum(left.lowerBound, right.lowerBound)...sum(left.upperBound, right.upperBound)
  }

  private static func product(_ length: Int, _ times: Int) -> Int {
    let (product, overflows) = length.multipliedReportingOverflow(by: times)
    return overflows ? unlimited : min(product, unlimited)
  }

  /// Characters with which a match that is not empty may begin: too many rather than too few.
  var first: ScalarSet {
    switch self {
    case .set(let set): return set
    case .sequence(let nodes):
      var result = ScalarSet()
      for node in nodes {
        result = result.union(node.first)
        if !node.isNullable { break }
      }
      return result
    case .alternation(let nodes): return nodes.reduce(ScalarSet()) { $0.union($1.first) }
    case .repetition(let node, _, let high, _): return high == 0 ? ScalarSet() : node.first
    case .atomic(let node): return node.first
    case .lookahead, .lookbehind, .assertion: return ScalarSet()
    }
  }
}
