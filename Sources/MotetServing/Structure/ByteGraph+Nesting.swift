// Rules within rules end: beyond a depth only calls remain that lead to the end.
extension ByteGraph {
  /// Whether rules may be called within one another more than `depth` times.
  func nests(deeperThan depth: Int, _ ends: ReachedEnds) -> Bool {
    // Calls from each rule; a rule's depth is the longest way, and a circle has none.
    var calls = [[Int]](repeating: [], count: firsts.count)
    for rule in firsts.indices where ends.heights[rule] != nil {
      var found = Set<Int>()
      for node in nodes(of: rule) where ends.passes(nodes[Int(node)]) {
        found.insert(Int(nodes[Int(node)].call))
      }
      calls[rule] = Array(found)
    }
    var left = [Int](repeating: 0, count: firsts.count)
    for rule in calls.indices { for callee in calls[rule] { left[callee] += 1 } }
    var open = calls.indices.filter { left[$0] == 0 }
    var depths = [Int](repeating: 0, count: firsts.count)
    var sorted = 0
    while let rule = open.popLast() {
      sorted += 1
      for callee in calls[rule] {
        depths[callee] = max(depths[callee], depths[rule] + 1)
        left[callee] -= 1
        if left[callee] == 0 { open.append(callee) }
      }
    }
    return sorted < firsts.count || depths.contains { $0 > depth }
  }

  /// Adds a second form of each rule, in which a rule only calls those that end with fewer calls than itself: an answer
  /// that is nested as deeply as it may be goes on in these, and none of them leads to a dead end.
  /// - Returns: how many nodes and rules the first forms have
  mutating func addClosingForms(_ ends: ReachedEnds) throws -> (nodes: Int32, rules: Int) {
    let (count, rules) = (Int32(nodes.count), firsts.count)
    guard 2 * nodes.count <= Self.maximumNodes else {
      throw SchemaCompiler.refusal("it is too large for one whose definitions refer to themselves")
    }
    for rule in 0..<rules {
      for node in nodes(of: rule, before: count) {
        let new = try copy(node)
        let old = nodes[Int(node)]
        move(new, by: count)
        guard old.call >= 0, let own = ends.heights[rule], let other = ends.heights[Int(old.call)],
          other < own
        else { continue }
        setCall(of: new, rule: old.call + Int32(rules), back: old.back + count)
      }
    }
    for rule in 0..<rules { addFirst(firsts[rule] + count) }
    return (count, rules)
  }

  private func nodes(of rule: Int, before count: Int32) -> Range<Int32> {
    firsts[rule]..<(rule + 1 < firsts.count ? firsts[rule + 1] : count)
  }
}
