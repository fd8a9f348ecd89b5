/// Sets of Unicode scalars, and the UTF-8 that writes them.
struct ScalarRanges: Sendable, Equatable {
  /// Ascending, apart from each other.
  private(set) var ranges: [ClosedRange<UInt32>]

  static let all = ScalarRanges([0...0x10FFFF])

  init(_ ranges: [ClosedRange<UInt32>]) {
    var joined: [ClosedRange<UInt32>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, range.lowerBound <= last.upperBound + 1 {
        joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    self.ranges = joined
  }

  init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

  func union(_ other: ScalarRanges) -> ScalarRanges { ScalarRanges(ranges + other.ranges) }

  var inverted: ScalarRanges {
    var rest: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { rest.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= 0x10FFFF { rest.append(next...0x10FFFF) }
    return ScalarRanges(rest)
  }

  func subtracting(_ other: ScalarRanges) -> ScalarRanges { inverted.union(other).inverted }

  func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }

  /// Well-formed UTF-8 of one of them (Unicode standard, table 3-7).
  var utf8: ByteExpression {
    let surrogates = ScalarRanges([0xD800...0xDFFF])
    return .choice(subtracting(surrogates).ranges.flatMap(Self.sequences))
  }

  /// A range as sequences of byte ranges: cut where the length changes, and then until all bytes but the first that
  /// differ run over all that follow.
  private static func sequences(_ range: ClosedRange<UInt32>) -> [ByteExpression] {
    for limit: UInt32 in [0x7F, 0x7FF, 0xFFFF]
    where range.lowerBound <= limit && range.upperBound > limit {
      return sequences(range.lowerBound...limit) + sequences(limit + 1...range.upperBound)
    }
    if range.upperBound > 0x7F {
      for shift: UInt32 in [6, 12, 18] {
        let mask: UInt32 = (1 << shift) - 1
        guard range.lowerBound & ~mask != range.upperBound & ~mask else { continue }
        if range.lowerBound & mask != 0 {
          let end = range.lowerBound | mask
          return sequences(range.lowerBound...end) + sequences(end + 1...range.upperBound)
        }
        if range.upperBound & mask != mask {
          let begin = range.upperBound & ~mask
          return sequences(range.lowerBound...begin - 1) + sequences(begin...range.upperBound)
        }
      }
    }
    let (low, high) = (encoded(range.lowerBound), encoded(range.upperBound))
    return [.sequence(zip(low, high).map { .bytes(ByteSet(min($0, $1)...max($0, $1))) })]
  }

  private static func encoded(_ scalar: UInt32) -> [UInt8] {
    Unicode.Scalar(scalar).map { Array(String($0).utf8) } ?? []
  }
}
