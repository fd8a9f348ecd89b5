/// What of a graph leads to an end.
struct ReachedEnds {
  /// By rule: how deep rules are called within one another at least before it ends; nil if it never does.
  private(set) var heights: [Int?]
  /// By node: whether its rule can end from there.
  private(set) var canEnd: [Bool]

  /// - Parameter clock: of the work, which grows with the graph
  init(_ graph: ByteGraph, clock: inout CompileClock) throws {
    heights = try Self.heights(graph, clock: &clock)
    canEnd = []
    canEnd = try Self.ends(graph, heights, clock: &clock)
  }

  func passes(_ node: ByteGraph.Node) -> Bool {
    node.call >= 0 && heights[Int(node.call)] != nil && canEnd[Int(node.back)]
  }

  /// Level by level: a rule has the height h if it ends with calls of rules of lower heights alone.
  private static func heights(_ graph: ByteGraph, clock: inout CompileClock) throws -> [Int?] {
    var heights = [Int?](repeating: nil, count: graph.firsts.count)
    var seen = [Bool](repeating: false, count: graph.nodes.count)
    /// Nodes whose rule did not end yet, by that rule.
    var blocked = [[Int32]](repeating: [], count: graph.firsts.count)
    var isFound = [Bool](repeating: false, count: graph.firsts.count)
    var found: [Int] = []
    var open = graph.firsts
    var ruleOf: [Int32: Int] = [:]
    for (rule, first) in graph.firsts.enumerated() { ruleOf[first + 1] = rule }
    var level = 0
    for node in open { seen[Int(node)] = true }
    while true {
      while let node = open.popLast() {
        try clock.spend()
        func reach(_ target: Int32) {
          guard !seen[Int(target)] else { return }
          seen[Int(target)] = true
          open.append(target)
        }
        if let rule = ruleOf[node], !isFound[rule] {
          isFound[rule] = true
          found.append(rule)
        }
        graph.forEachTarget(of: node, reach)
        let call = graph.nodes[Int(node)].call
        guard call >= 0 else { continue }
        if heights[Int(call)] != nil {
          reach(graph.nodes[Int(node)].back)
        } else {
          blocked[Int(call)].append(node)
        }
      }
      guard !found.isEmpty else { return heights }
      for rule in found { heights[rule] = level }
      for rule in found {
        for node in blocked[rule] {
          let back = graph.nodes[Int(node)].back
          guard !seen[Int(back)] else { continue }
          seen[Int(back)] = true
          open.append(back)
        }
      }
      found = []
      level += 1
    }
  }

  /// Backwards from the ends.
  private static func ends(
    _ graph: ByteGraph, _ heights: [Int?], clock: inout CompileClock
  ) throws -> [Bool] {
    var counts = [Int32](repeating: 0, count: graph.nodes.count + 1)
    func forEachStep(_ body: (_ from: Int32, _ to: Int32) -> Void) {
      for node in 0..<Int32(graph.nodes.count) {
        graph.forEachTarget(of: node) { body(node, $0) }
        let call = graph.nodes[Int(node)].call
        if call >= 0, heights[Int(call)] != nil { body(node, graph.nodes[Int(node)].back) }
      }
    }
    forEachStep { _, to in counts[Int(to) + 1] += 1 }
    try clock.spend(graph.nodes.count / 8)
    for index in 1..<counts.count { counts[index] += counts[index - 1] }
    var sources = [Int32](repeating: 0, count: Int(counts[counts.count - 1]))
    var places = counts
    forEachStep { from, to in
      sources[Int(places[Int(to)])] = from
      places[Int(to)] += 1
    }
    try clock.spend(graph.nodes.count / 8)
    var canEnd = [Bool](repeating: false, count: graph.nodes.count)
    var open = graph.firsts.map { $0 + 1 }
    for end in open { canEnd[Int(end)] = true }
    while let node = open.popLast() {
      for source in sources[Int(counts[Int(node)])..<Int(counts[Int(node) + 1])] where !canEnd[Int(source)] {
        canEnd[Int(source)] = true
        open.append(source)
      }
    }
    try clock.spend(graph.nodes.count / 8)
    return canEnd
  }
}

extension ByteGraph {
  /// The nodes that edges and aliases lead to, one after another.
  func forEachTarget(of node: Int32, _ body: (Int32) -> Void) {
    var edge = nodes[Int(node)].edge
    while edge >= 0 {
      body(edges[Int(edge)].target)
      edge = edges[Int(edge)].next
    }
    var alias = nodes[Int(node)].alias
    while alias >= 0 {
      body(aliases[Int(alias)].target)
      alias = aliases[Int(alias)].next
    }
  }
}
