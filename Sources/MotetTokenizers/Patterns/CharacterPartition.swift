/// All characters, divided into classes whose members no set of a pattern tells apart.
///
/// A pattern has few sets, so that a character's class fits a byte and "is it in the set" becomes one look-up.
struct CharacterPartition: Sendable {
  static let maximumClasses = 256
  /// Characters below have their class in ``table``.
  static let tableSize: UInt32 = 0x20000

  /// The class of each character of the first two planes.
  let table: [UInt8]
  /// Above, where a class starts and which it is, in ascending order.
  private let highStarts: [UInt32]
  private let highClasses: [UInt8]
  /// One character of each class.
  let representatives: [UInt32]

  /// - Throws: ``PatternError`` when there are more than 256 classes.
  init(_ sets: [ScalarSet]) throws {
    // A sweep over all places where some set begins or ends.
    var events: [(at: UInt32, set: Int)] = []
    for (index, set) in sets.enumerated() {
      for range in set.ranges {
        events.append((range.lowerBound, index))
        if range.upperBound < ScalarSet.last { events.append((range.upperBound + 1, index)) }
      }
    }
    events.sort { $0.at < $1.at }
    var signature = [UInt64](repeating: 0, count: (sets.count + 63) / 64)
    var classes: [[UInt64]: UInt8] = [:]
    var table = [UInt8](repeating: 0, count: Int(Self.tableSize))
    var (highStarts, highClasses, representatives): ([UInt32], [UInt8], [UInt32]) = ([], [], [])
    var start: UInt32 = 0
    var next = 0
    while start <= ScalarSet.last {
      while next < events.count, events[next].at == start {
        signature[events[next].set / 64] ^= 1 << UInt64(events[next].set % 64)
        next += 1
      }
      let end = next < events.count ? events[next].at : ScalarSet.last + 1
      let number: UInt8
      if let known = classes[signature] {
        number = known
      } else {
        guard classes.count < Self.maximumClasses else {
          throw PatternError(reason: "it tells more than \(Self.maximumClasses) classes of characters apart")
        }
        number = UInt8(classes.count)
        classes[signature] = number
        representatives.append(start)
      }
      for value in start..<max(start, min(end, Self.tableSize)) { table[Int(value)] = number }
      if end > Self.tableSize {
        highStarts.append(max(start, Self.tableSize))
        highClasses.append(number)
      }
      start = end
    }
    self.table = table
    self.highStarts = highStarts
    self.highClasses = highClasses
    self.representatives = representatives
  }

  /// The class of a character above the table. O(log n).
  func highClass(of value: UInt32) -> UInt8 {
    var (low, high) = (0, highStarts.count)
    while low < high {
      let middle = (low + high) / 2
      if highStarts[middle] <= value { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? highClasses[low - 1] : 0
  }
}
