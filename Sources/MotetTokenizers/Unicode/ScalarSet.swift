/// A set of characters as sorted ranges that do not touch.
struct ScalarSet: Hashable, Sendable {
  static let last: UInt32 = 0x10FFFF

  private(set) var ranges: [ClosedRange<UInt32>] = []

  static let all = ScalarSet([0...last])

  init() {}

  /// The union of any ranges.
  init(_ ranges: [ClosedRange<UInt32>]) {
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) { append(range) }
  }

  /// The characters of which `condition` holds, all below ``CharacterTable/limit`` or in one of `above`.
  init(above: [ClosedRange<UInt32>] = [], where condition: (UInt32) -> Bool) {
    for value in 0..<CharacterTable.limit where condition(value) { append(value...value) }
    for value in CharacterTable.specials where condition(value) { append(value...value) }
    for range in above { append(range) }
  }

  /// The characters of some categories as of a version of Unicode.
  init(_ categories: Set<GeneralCategory>, asOf version: UnicodeVersion) {
    let (table, version) = (CharacterTable.shared, version.packed)
    var members = [Bool](repeating: false, count: GeneralCategory.allCases.count)
    for category in categories { members[Int(category.rawValue)] = true }
    func isMember(_ value: UInt32) -> Bool { members[Int(table.category(value, asOf: version).rawValue)] }
    for value in 0..<CharacterTable.limit where isMember(value) { append(value...value) }
    // Above, whole stretches have one category.
    let specials = CharacterTable.specials
    if categories.contains(.unassigned) { append(CharacterTable.limit...(specials.lowerBound - 1)) }
    for value in specials where isMember(value) { append(value...value) }
    for range: ClosedRange<UInt32> in [
      specials.upperBound...0xEFFFF, 0xF0000...0xFFFFD, 0xFFFFE...0xFFFFF, 0x100000...0x10FFFD,
      0x10FFFE...0x10FFFF,
    ] where isMember(range.lowerBound) { append(range) }
  }

  var isEmpty: Bool { ranges.isEmpty }

  /// Adds a range that does not start before those that are there.
  private mutating func append(_ range: ClosedRange<UInt32>) {
    if let last = ranges.last, range.lowerBound <= last.upperBound || range.lowerBound == last.upperBound + 1
    {
      ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    } else {
      ranges.append(range)
    }
  }

  /// O(log n) of the ranges.
  func contains(_ value: UInt32) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(value)
  }

  func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  var complement: ScalarSet {
    var result = ScalarSet()
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { result.ranges.append(next...(range.lowerBound - 1)) }
      next = range.upperBound + 1
    }
    if next <= Self.last { result.ranges.append(next...Self.last) }
    return result
  }

  func intersection(_ other: ScalarSet) -> ScalarSet {
    var result = ScalarSet()
    var (left, right) = (0, 0)
    while left < ranges.count, right < other.ranges.count {
      let (a, b) = (ranges[left], other.ranges[right])
      let (low, high) = (max(a.lowerBound, b.lowerBound), min(a.upperBound, b.upperBound))
      if low <= high { result.ranges.append(low...high) }
      if a.upperBound < b.upperBound { left += 1 } else { right += 1 }
    }
    return result
  }

  func subtracting(_ other: ScalarSet) -> ScalarSet { intersection(other.complement) }
}
