/// What a text may be: places in rules that bytes lead between.
///
/// From each place of it the text can be completed: nodes that lead to no end are left out when it is made, and so are
/// bytes that the vocabulary has no token for. It never changes.
struct ByteGrammar: Sendable {
  struct Edge {
    let low: UInt8
    let high: UInt8
    /// All places that the byte leads to.
    let closure: Int32
  }
  struct Call {
    /// The places where the rule begins, and where it begins if no more rules may nest than need to.
    let start: Int32
    let closing: Int32
    /// The places to go on at after it.
    let back: Int32
  }

  /// By place: the first of its edges; one more at the end.
  private let edgeStarts: [Int32]
  private let edges: [Edge]
  private let ends: [Bool]
  let calls: [Int32: Call]
  /// By closure: the first of its places; one more at the end.
  private let closureStarts: [Int32]
  private let closurePlaces: [Int32]
  /// The closure that the text begins in.
  let start: Int32
  /// Bytes that no edge tells apart have one number, by byte; and a byte of each number.
  let classes: [UInt8]
  let representatives: [UInt8]
  /// By place and by closure: one from which the next token is the same; empty if there is none.
  private let alikePlaces: [Int32]
  private let alikeClosures: [Int32]

  /// Rules within rules; deeper down only those are entered that the end needs.
  static let maximumDepth = 200

  /// - Parameters:
  ///   - rules: by number, as ``ByteExpression/rule(_:)`` has them
  ///   - first: the one that the whole text is
  ///   - names: what errors call rules that the schema refers to
  ///   - writable: bytes that can be written one at a time
  ///   - reach: bytes of the longest token
  /// - Throws: ``ServingError/invalid(parameter:message:)`` if it is too large or allows no text, `CancellationError`
  init(
    rules: [ByteExpression], first: Int, names: [Int: String] = [:], writable: ByteSet = .all,
    reach: Int = 128, clock: CompileClock = CompileClock()
  ) throws {
    var graph = try ByteGraph(rules, writable: writable, reach: reach, clock: clock)
    var clock = graph.clock
    var reached = try ReachedEnds(graph, clock: &clock)
    guard reached.heights[first] != nil else {
      let endless = names.filter { reached.heights[$0.key] == nil }.min { $0.key < $1.key }?.value
      throw SchemaCompiler.refusal(
        endless.map {
          "it allows no finite value: \"\($0)\" leads back to itself without an end; make a member optional or allow null"
        } ?? "it allows no value that this model's vocabulary can write")
    }
    var closing = 0
    if graph.nests(deeperThan: Self.maximumDepth, reached) {
      closing = try graph.addClosingForms(reached).rules
      reached = try ReachedEnds(graph, clock: &clock)
    }
    var maker = ClosureMaker(graph, reached, closing: closing, clock: clock)
    start = try maker.make(from: graph.start(of: first))
    // Copies without the room to grow that the maker's have.
    edgeStarts = maker.edgeStarts.map { $0 }
    edges = maker.edges.map { $0 }
    ends = maker.ends.map { $0 }
    calls = maker.calls
    closureStarts = maker.closureStarts.map { $0 }
    closurePlaces = maker.closurePlaces.map { $0 }
    (alikePlaces, alikeClosures) = maker.alike
    var isFirst = [Bool](repeating: false, count: 257)
    isFirst[0] = true
    for edge in edges {
      isFirst[Int(edge.low)] = true
      isFirst[Int(edge.high) + 1] = true
    }
    var classes: [UInt8] = []
    var representatives: [UInt8] = []
    for byte in UInt8.min...UInt8.max {
      if isFirst[Int(byte)] { representatives.append(byte) }
      classes.append(UInt8(representatives.count - 1))
    }
    self.classes = classes
    self.representatives = representatives
  }

  /// Bytes that it holds in memory.
  var memory: Int {
    edgeStarts.count * 4 + edges.count * MemoryLayout<Edge>.stride + ends.count + calls.capacity * 24
      + closureStarts.count * 4 + closurePlaces.count * 4 + 1024
  }

  func places(of closure: Int32) -> ArraySlice<Int32> {
    closurePlaces[Int(closureStarts[Int(closure)])..<Int(closureStarts[Int(closure) + 1])]
  }

  func isEnd(_ place: Int32) -> Bool { ends[Int(place)] }

  /// A position from which the next token is the same, and the same one for all that are alike.
  func alike(_ position: TextPosition) -> TextPosition {
    guard !alikePlaces.isEmpty else { return position }
    return TextPosition(
      groups: position.groups.map { group in
        let places = Set(group.places.map { alikePlaces[Int($0)] })
        return TextPosition.Group(stack: alike(group.stack), places: places.sorted())
      }, isComplete: position.isComplete)
  }

  private func alike(_ stack: RuleStack) -> RuleStack {
    guard !stack.frames.isEmpty else { return stack }
    return RuleStack(
      stack.frames.map { .init(back: alikeClosures[Int($0.back)], below: alike($0.below)) })
  }

  /// Whether a byte leads out of it.
  func isConsuming(_ place: Int32) -> Bool { edgeStarts[Int(place)] < edgeStarts[Int(place) + 1] }

  /// The closures that a byte leads to.
  @inline(__always)
  func forEachTarget(of place: Int32, _ byte: UInt8, _ body: (Int32) -> Void) {
    for index in Int(edgeStarts[Int(place)])..<Int(edgeStarts[Int(place) + 1]) {
      let edge = edges[index]
      if edge.low <= byte, byte <= edge.high { body(edge.closure) }
    }
  }
}

/// Goes through a graph from its start and keeps what is reached: places, the edges between them, and the sets of places
/// that nodes stand for.
private struct ClosureMaker {
  private let graph: ByteGraph
  private let reached: ReachedEnds
  private let closing: Int
  private var clock: CompileClock
  private(set) var edgeStarts: [Int32] = []
  private(set) var edges: [ByteGrammar.Edge] = []
  private(set) var ends: [Bool] = []
  private(set) var calls: [Int32: ByteGrammar.Call] = [:]
  private(set) var closureStarts: [Int32] = [0]
  private(set) var closurePlaces: [Int32] = []
  /// By node; -1 where there is none yet.
  private var closures: [Int32]
  private var places: [Int32]
  private var stamps: [Int32]
  private var stamp: Int32 = 0
  /// The nodes of the places and of the closures, in their order.
  private var placeNodes: [Int32] = []
  private var closureNodes: [Int32] = []
  private let endNodes: Set<Int32>

  private static let mostClosurePlaces = 4_000_000

  init(_ graph: ByteGraph, _ reached: ReachedEnds, closing: Int, clock: CompileClock) {
    self.graph = graph
    self.reached = reached
    self.closing = closing
    self.clock = clock
    closures = Array(repeating: -1, count: graph.nodes.count)
    places = closures
    stamps = closures
    endNodes = Set(graph.firsts.map { $0 + 1 })
  }

  /// - Returns: the closure of `first`
  mutating func make(from first: Int32) throws -> Int32 {
    let start = try closure(of: first)
    var next = 0
    while next < placeNodes.count {
      let node = placeNodes[next]
      let place = Int32(next)
      edgeStarts.append(Int32(edges.count))
      ends.append(endNodes.contains(node))
      var own: [ByteGrammar.Edge] = []
      var edge = graph.nodes[Int(node)].edge
      while edge >= 0 {
        let found = graph.edges[Int(edge)]
        edge = found.next
        guard reached.canEnd[Int(found.target)] else { continue }
        own.append(.init(low: found.low, high: found.high, closure: try closure(of: found.target)))
      }
      append(own)
      if isCall(node) {
        let (rule, back) = (Int(graph.nodes[Int(node)].call), graph.nodes[Int(node)].back)
        let start = try closure(of: graph.start(of: rule))
        calls[place] = .init(
          start: start,
          closing: rule < closing ? try closure(of: graph.start(of: rule + closing)) : start,
          back: try closure(of: back))
      }
      next += 1
    }
    edgeStarts.append(Int32(edges.count))
    return start
  }

  /// Appends edges in order, those that adjoin and lead to the same as one.
  private mutating func append(_ own: [ByteGrammar.Edge]) {
    for edge in own.sorted(by: { ($0.closure, $0.low) < ($1.closure, $1.low) }) {
      if edges.count > Int(edgeStarts[edgeStarts.count - 1]), let last = edges.last,
        last.closure == edge.closure, Int(edge.low) <= Int(last.high) + 1
      {
        edges[edges.count - 1] = .init(
          low: last.low, high: max(last.high, edge.high), closure: last.closure)
      } else {
        edges.append(edge)
      }
    }
  }

  /// Whether a rule is called from a node, to come back to it.
  private func isCall(_ node: Int32) -> Bool {
    reached.passes(graph.nodes[Int(node)]) && !isLast(graph.nodes[Int(node)].back)
  }

  /// Whether nothing but the end of its rule follows: a call before it need not come back.
  private func isLast(_ node: Int32) -> Bool {
    var node = node
    for _ in 0..<16 {
      if endNodes.contains(node) { return true }
      let found = graph.nodes[Int(node)]
      guard found.edge < 0, found.call < 0, found.alias >= 0,
        graph.aliases[Int(found.alias)].next < 0
      else { return false }
      node = graph.aliases[Int(found.alias)].target
    }
    return false
  }

  /// The only node that a node is as good as, where it is nothing by itself.
  private func onlyAlias(_ node: Int32) -> Int32? {
    let found = graph.nodes[Int(node)]
    guard found.edge < 0, found.call < 0, found.alias >= 0, !endNodes.contains(node) else { return nil }
    let alias = graph.aliases[Int(found.alias)]
    return alias.next < 0 && reached.canEnd[Int(alias.target)] ? alias.target : nil
  }

  /// The node that stands for those that are nothing but another name of it.
  private func leading(_ node: Int32) -> Int32 {
    var node = node
    for _ in 0..<1_000 {
      guard let next = onlyAlias(node) else { break }
      node = next
    }
    return node
  }

  /// By place and by closure, those of the earliest node that is like its own; empty if all are their own.
  var alike: (places: [Int32], closures: [Int32]) {
    guard graph.nodes.contains(where: { $0.twin >= 0 }) else { return ([], []) }
    func first(_ node: Int32) -> Int32 {
      var node = node
      while graph.nodes[Int(node)].twin >= 0 { node = graph.nodes[Int(node)].twin }
      return node
    }
    let ownPlaces = placeNodes.enumerated().map { place, node in
      let other = places[Int(first(node))]
      return other >= 0 ? other : Int32(place)
    }
    let ownClosures = closureNodes.enumerated().map { closure, node in
      var earliest = node
      for _ in 0..<8 where graph.nodes[Int(earliest)].twin >= 0 { earliest = leading(first(earliest)) }
      let other = closures[Int(earliest)]
      return other >= 0 ? other : Int32(closure)
    }
    return (ownPlaces, ownClosures)
  }

  private mutating func closure(of node: Int32) throws -> Int32 {
    let node = leading(node)
    if closures[Int(node)] >= 0 { return closures[Int(node)] }
    stamp += 1
    var open = [node]
    stamps[Int(node)] = stamp
    while let node = open.popLast() {
      try clock.spend()
      let found = graph.nodes[Int(node)]
      if found.edge >= 0 || endNodes.contains(node) || isCall(node) {
        closurePlaces.append(place(of: node))
      }
      func reach(_ target: Int32) {
        guard reached.canEnd[Int(target)], stamps[Int(target)] != stamp else { return }
        stamps[Int(target)] = stamp
        open.append(target)
      }
      var alias = found.alias
      while alias >= 0 {
        reach(graph.aliases[Int(alias)].target)
        alias = graph.aliases[Int(alias)].next
      }
      if reached.passes(found), isLast(found.back) { reach(graph.start(of: Int(found.call))) }
    }
    guard closurePlaces.count <= Self.mostClosurePlaces else {
      throw SchemaCompiler.refusal(
        "its patterns or alternatives can be read in too many ways; write them apart")
    }
    closureStarts.append(Int32(closurePlaces.count))
    closureNodes.append(node)
    closures[Int(node)] = Int32(closureStarts.count - 2)
    return closures[Int(node)]
  }

  private mutating func place(of node: Int32) -> Int32 {
    if places[Int(node)] < 0 {
      places[Int(node)] = Int32(placeNodes.count)
      placeNodes.append(node)
    }
    return places[Int(node)]
  }
}
