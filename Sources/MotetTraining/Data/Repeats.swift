/// Which of a sequence of hashes stand before, found by sorting: 12 bytes a hash while it is done, where a
/// dictionary takes three times as much.
struct Repeats {
  /// By position, each with where the same stands first.
  let positions: [(position: Int, first: Int)]

  init(_ hashes: some Collection<UInt64>) {
    let hashes = Array(hashes)
    var positions: [(position: Int, first: Int)] = []
    let order = sortedPositions(of: hashes)
    var first = 0
    for (place, position) in order.enumerated() {
      if place > 0, hashes[Int(order[place - 1])] == hashes[Int(position)] {
        positions.append((Int(position), first))
      } else {
        first = Int(position)
      }
    }
    self.positions = positions.sorted { $0.position < $1.position }
  }
}

/// The positions of `keys` in the order of their keys, equal ones in their own order: a radix sort by 16 bits at
/// a time, linear in the number of keys.
func sortedPositions<Key: FixedWidthInteger & UnsignedInteger>(of keys: [Key]) -> [UInt32] {
  var order = (0..<UInt32(keys.count)).map { $0 }
  if keys.count < 4096 {
    return order.sorted { (keys[Int($0)], $0) < (keys[Int($1)], $1) }
  }
  var next = order
  for shift in stride(from: 0, to: Key.bitWidth, by: 16) {
    var places = [Int](repeating: 0, count: 1 << 16 + 1)
    for key in keys { places[Int(truncatingIfNeeded: key >> Key(shift)) & 0xffff + 1] += 1 }
    for digit in 1...0xffff { places[digit] += places[digit - 1] }
    for position in order {
      let digit = Int(truncatingIfNeeded: keys[Int(position)] >> Key(shift)) & 0xffff
      next[places[digit]] = position
      places[digit] += 1
    }
    swap(&order, &next)
  }
  return order
}
