/// The set of a text's runs of three words, as hashes; shorter texts are one run.
struct Shingles {
  static let width = 3
  /// Ascending, each once.
  let hashes: [UInt64]

  init(_ text: String) {
    var text = text
    var hashes: [UInt64] = []
    var before: UInt64 = 0
    var last: UInt64 = 0
    var words = 0
    text.withUTF8 { bytes in
      hashes.reserveCapacity(bytes.count / 5)
      Words(bytes: bytes).visit { word, _ in
        words += 1
        if words >= Self.width {
          hashes.append(mixed(before &* 3 &+ last &* 0x9e37_79b9_7f4a_7c15 &+ mixed(word)))
        }
        before = last
        last = word
      }
    }
    if (1..<Self.width).contains(words) { hashes = [mixed(before &* 3 &+ last)] }
    hashes.sort()
    var unique = 0
    for position in hashes.indices where position == 0 || hashes[position] != hashes[unique - 1] {
      hashes[unique] = hashes[position]
      unique += 1
    }
    hashes.removeLast(hashes.count - unique)
    self.hashes = hashes
  }

  /// What both have over what either has.
  func jaccard(_ other: Shingles) -> Double {
    var both = 0
    var mine = 0
    var theirs = 0
    while mine < hashes.count, theirs < other.hashes.count {
      let (a, b) = (hashes[mine], other.hashes[theirs])
      if a == b { both += 1 }
      if a <= b { mine += 1 }
      if b <= a { theirs += 1 }
    }
    let either = hashes.count + other.hashes.count - both
    return either == 0 ? 0 : Double(both) / Double(either)
  }
}
