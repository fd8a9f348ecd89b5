// Alternatives: those that begin alike share their beginning, and characters of several bytes their last ones.
extension ByteGraph {
  /// An alternative by its literal beginning.
  private struct Branch {
    let prefix: [UInt8]
    let rest: [ByteExpression]
  }

  mutating func layChoice(_ parts: [ByteExpression], from: Int32, to: Int32) throws {
    var branches: [Branch] = []
    var tails: [[ByteSet]: Int32] = [:]
    for part in Self.flat(parts) {
      try clock.spend()
      if let sets = Self.sets(part) {
        try lay(sets, from: from, to: to, tails: &tails)
        continue
      }
      let (prefix, rest) = part.split
      if prefix.isEmpty, !rest.isEmpty {
        try lay(part, from: from, to: to)
      } else {
        branches.append(Branch(prefix: prefix, rest: rest))
      }
    }
    branches.sort { $0.prefix.lexicographicallyPrecedes($1.prefix) }
    try lay(branches[...], after: 0, from: from, to: to)
  }

  private static func flat(_ parts: [ByteExpression]) -> [ByteExpression] {
    guard parts.contains(where: { if case .choice = $0 { true } else { false } }) else { return parts }
    return parts.flatMap { part in if case .choice(let inner) = part { flat(inner) } else { [part] } }
  }

  /// The sets of a sequence of at least two bytes, none of them literal.
  private static func sets(_ part: ByteExpression) -> [ByteSet]? {
    guard case .sequence(let parts) = part, parts.count > 1 else { return nil }
    var sets: [ByteSet] = []
    for part in parts {
      guard case .bytes(let set) = part else { return nil }
      sets.append(set)
    }
    return sets
  }

  private mutating func lay(
    _ sets: [ByteSet], from: Int32, to: Int32, tails: inout [[ByteSet]: Int32]
  ) throws {
    var target = to
    for index in sets.indices.dropFirst().reversed() {
      let tail = Array(sets[index...])
      if let known = tails[tail] {
        target = known
        continue
      }
      let node = try add()
      connect(node, sets[index], target)
      tails[tail] = node
      target = node
    }
    connect(from, sets[0], target)
  }

  /// Lays branches that are sorted and agree in their first `offset` bytes, which lead to `from`.
  private mutating func lay(
    _ branches: ArraySlice<Branch>, after offset: Int, from: Int32, to: Int32
  ) throws {
    guard let first = branches.first, let last = branches.last else { return }
    if branches.count == 1 {
      return try lay(
        .sequence([.literal(Array(first.prefix[offset...]))] + first.rest), from: from, to: to)
    }
    let shared = zip(first.prefix[offset...], last.prefix[offset...]).prefix { $0 == $1 }.count
    var node = from
    for byte in first.prefix[offset..<offset + shared] {
      let next = try add()
      connect(node, byte, next)
      node = next
    }
    let depth = offset + shared
    var rest = branches
    var mayEnd = false
    while let branch = rest.first, branch.prefix.count == depth {
      rest.removeFirst()
      if !branch.rest.isEmpty {
        try lay(.sequence(branch.rest), from: node, to: to)
      } else if !mayEnd {
        mayEnd = true
        alias(node, to)
      }
    }
    while let branch = rest.first {
      let byte = branch.prefix[depth]
      let group = rest.prefix { $0.prefix[depth] == byte }
      rest = rest.dropFirst(group.count)
      if group.count == 1, branch.rest.isEmpty, branch.prefix.count == depth + 1 {
        connect(node, byte, to)
      } else {
        let next = try add()
        connect(node, byte, next)
        try lay(group, after: depth + 1, from: next, to: to)
      }
    }
  }
}
