extension RandomAccessCollection<UInt8> where Index == Int {
  /// Where `part` first stands; nil when it does not or is empty.
  func firstPlace(of part: [UInt8]) -> Int? {
    guard let first = part.first, count >= part.count else { return nil }
    var place = startIndex
    let last = endIndex - part.count
    while place <= last {
      if self[place] == first, self[place..<place + part.count].elementsEqual(part) { return place }
      place += 1
    }
    return nil
  }
}

extension [UInt8] {
  /// The bytes with `new` in place of each `old`, from left to right.
  func replacingEach(_ old: [UInt8], with new: [UInt8]) -> [UInt8] {
    guard var place = self[...].firstPlace(of: old) else { return self }
    var result: [UInt8] = []
    var start = 0
    while true {
      result += self[start..<place]
      result += new
      start = place + old.count
      guard let next = self[start...].firstPlace(of: old) else { break }
      place = next
    }
    return result + self[start...]
  }
}
