/// The names in `known` that `name` was probably meant to be, nearest first, at most three.
///
/// Near is a Levenshtein distance of at most a third of the length, and at least 2, of letters without their
/// case; or being the beginning of the other.
package func nearNames(to name: String, in known: [String]) -> [String] {
  let asked = name.lowercased()
  let near = known.compactMap { candidate -> (name: String, distance: Int)? in
    let other = candidate.lowercased()
    let distance = editDistance(asked, other)
    if distance <= max(2, asked.count / 3), distance < max(asked.count, other.count) {
      return (candidate, distance)
    }
    if asked.count >= 3, other.hasPrefix(asked) || asked.hasPrefix(other) { return (candidate, distance) }
    return nil
  }
  return near.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
}

/// The least number of insertions, deletions and replacements that turn `a` into `b` (Levenshtein 1966).
func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var previous = Array(0...b.count)
  for (i, letter) in a.enumerated() {
    var current = [i + 1]
    current.reserveCapacity(b.count + 1)
    for (j, other) in b.enumerated() {
      current.append(min(previous[j] + (letter == other ? 0 : 1), previous[j + 1] + 1, current[j] + 1))
    }
    previous = current
  }
  return previous[b.count]
}
