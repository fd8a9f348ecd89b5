/// Rules as nodes that bytes lead between (Thompson's construction, 1968, with calls between rules), as they are laid
/// out and pruned; ``ByteGrammar`` is what remains.
struct ByteGraph {
  struct Node {
    /// The first of its edges and of its aliases, each a list; -1 for none.
    var edge: Int32 = -1
    var alias: Int32 = -1
    /// The rule that has to be passed first, and the node to go on at then; -1 for none.
    var call: Int32 = -1
    var back: Int32 = -1
    /// A node in an earlier copy of a counted part from which the next ``ByteGraph/reach`` bytes are the same; -1 for
    /// none.
    var twin: Int32 = -1
  }
  struct Edge {
    var low: UInt8
    var high: UInt8
    var target: Int32
    var next: Int32
  }
  struct Alias {
    var target: Int32
    var next: Int32
  }

  private(set) var nodes: [Node] = []
  private(set) var edges: [Edge] = []
  private(set) var aliases: [Alias] = []
  /// The first node of each rule, which is its start; its end is the next one.
  private(set) var firsts: [Int32] = []
  /// Bytes of the longest token: what lies further on makes no difference to a mask.
  let reach: Int
  /// Bytes that the vocabulary has a token for: others cannot be written.
  let writable: ByteSet
  var clock: CompileClock
  /// Where in the schema the layout is.
  private var place = "#"

  static let maximumNodes = 500_000
  private static let maximumEdges = 2_000_000

  init(_ rules: [ByteExpression], writable: ByteSet, reach: Int, clock: CompileClock) throws {
    self.reach = reach
    self.writable = writable
    self.clock = clock
    for rule in rules {
      place = "#"
      let start = try add()
      let end = try add()
      firsts.append(start)
      try lay(rule, from: start, to: end)
    }
  }

  func start(of rule: Int) -> Int32 { firsts[rule] }
  func end(of rule: Int) -> Int32 { firsts[rule] + 1 }
  func nodes(of rule: Int) -> Range<Int32> {
    firsts[rule]..<(rule + 1 < firsts.count ? firsts[rule + 1] : Int32(nodes.count))
  }

  // MARK: Parts

  mutating func add() throws -> Int32 {
    try clock.spend()
    guard nodes.count < Self.maximumNodes, edges.count < Self.maximumEdges else {
      throw SchemaCompiler.refusal(
        "it is too large at \(place): lower maxLength, maxItems or the counts of patterns, or give fewer cases"
      )
    }
    nodes.append(Node())
    return Int32(nodes.count - 1)
  }

  mutating func connect(_ from: Int32, _ bytes: ByteSet, _ to: Int32) {
    for range in bytes.intersection(writable).ranges { connectWritable(from, range, to) }
  }

  mutating func connect(_ from: Int32, _ byte: UInt8, _ to: Int32) {
    if writable.contains(byte) { connectWritable(from, byte...byte, to) }
  }

  private mutating func connectWritable(_ from: Int32, _ range: ClosedRange<UInt8>, _ to: Int32) {
    edges.append(
      Edge(low: range.lowerBound, high: range.upperBound, target: to, next: nodes[Int(from)].edge))
    nodes[Int(from)].edge = Int32(edges.count - 1)
  }

  mutating func alias(_ from: Int32, _ to: Int32) {
    aliases.append(Alias(target: to, next: nodes[Int(from)].alias))
    nodes[Int(from)].alias = Int32(aliases.count - 1)
  }

  /// Where a byte leads from a node whose edges are one byte each.
  func child(of node: Int32, _ byte: UInt8) -> Int32? {
    var edge = nodes[Int(node)].edge
    while edge >= 0 {
      let found = edges[Int(edge)]
      if found.low == byte, found.high == byte { return found.target }
      edge = found.next
    }
    return nil
  }

  /// Makes an edge lead elsewhere.
  mutating func redirect(_ node: Int32, _ byte: UInt8, to target: Int32) {
    var edge = nodes[Int(node)].edge
    while edge >= 0 {
      if edges[Int(edge)].low == byte, edges[Int(edge)].high == byte { edges[Int(edge)].target = target }
      edge = edges[Int(edge)].next
    }
  }

  /// A node that leads where `node` does, without its call.
  mutating func copy(_ node: Int32) throws -> Int32 {
    let new = try add()
    var edge = nodes[Int(node)].edge
    while edge >= 0 {
      let found = edges[Int(edge)]
      connectWritable(new, found.low...found.high, found.target)
      edge = found.next
    }
    var alias = nodes[Int(node)].alias
    while alias >= 0 {
      self.alias(new, aliases[Int(alias)].target)
      alias = aliases[Int(alias)].next
    }
    try clock.spend()
    return new
  }

  /// Makes all that leads out of a node lead to nodes that lie `count` further on.
  mutating func move(_ node: Int32, by count: Int32) {
    var edge = nodes[Int(node)].edge
    while edge >= 0 {
      edges[Int(edge)].target += count
      edge = edges[Int(edge)].next
    }
    var alias = nodes[Int(node)].alias
    while alias >= 0 {
      aliases[Int(alias)].target += count
      alias = aliases[Int(alias)].next
    }
  }

  mutating func setCall(of node: Int32, rule: Int32, back: Int32) {
    nodes[Int(node)].call = rule
    nodes[Int(node)].back = back
  }

  mutating func addFirst(_ node: Int32) { firsts.append(node) }

  // MARK: Expressions

  /// Lays an expression between two nodes.
  mutating func lay(_ expression: ByteExpression, from: Int32, to: Int32) throws {
    switch expression {
    case .bytes(let bytes): connect(from, bytes, to)
    case .literal(let bytes): try lay(bytes[...], from: from, to: to)
    case .sequence(let parts): try layAll(parts[...], from: from, to: to)
    case .choice(let parts): try layChoice(parts, from: from, to: to)
    case .rule(let index):
      let node = try add()
      alias(from, node)
      setCall(of: node, rule: Int32(index), back: to)
    case .repeated(let part, let least, let most):
      try layRepeated(part, least: least, most: most, from: from, to: to)
    case .object(let form): try layObject(form, from: from, to: to)
    case .within(let inner, let expression):
      let outer = place
      place = inner
      try lay(expression, from: from, to: to)
      place = outer
    }
  }

  private mutating func lay(_ literal: ArraySlice<UInt8>, from: Int32, to: Int32) throws {
    guard let last = literal.last else { return alias(from, to) }
    var node = from
    for byte in literal.dropLast() {
      let next = try add()
      connect(node, byte, next)
      node = next
    }
    connect(node, last, to)
  }

  private mutating func layAll(_ parts: ArraySlice<ByteExpression>, from: Int32, to: Int32) throws {
    guard let last = parts.last else { return alias(from, to) }
    var node = from
    for part in parts.dropLast() {
      let next = try add()
      try lay(part, from: node, to: next)
      node = next
    }
    try lay(last, from: node, to: to)
  }

  private mutating func layRepeated(
    _ part: ByteExpression, least: Int, most: Int?, from: Int32, to: Int32
  ) throws {
    guard let inner = part.nonempty, most != 0 else { return alias(from, to) }
    // An optional part leaves the lower bound without a meaning.
    let least = part.isNullable ? 0 : least
    // A count of a count that leaves no gaps is one count.
    if case .repeated(let core, let few, let many) = inner, few == 1, !core.isNullable {
      let product = most.flatMap { most in
        many.map { $0.multipliedReportingOverflow(by: most) }
      }
      if let product, !product.overflow {
        return try layRepeated(core, least: least, most: product.partialValue, from: from, to: to)
      }
      if product == nil { return try layRepeated(core, least: least, most: nil, from: from, to: to) }
    }
    var node = try add()
    alias(from, node)
    var copies: [Int32] = []
    func layCopy(_ graph: inout ByteGraph) throws {
      copies.append(Int32(graph.nodes.count))
      let next = try graph.add()
      try graph.lay(inner, from: node, to: next)
      node = next
    }
    for _ in 0..<least { try layCopy(&self) }
    pair(copies)
    guard let most else {
      let next = try add()
      try lay(inner, from: node, to: next)
      alias(next, node)
      alias(node, to)
      return
    }
    copies = []
    for _ in least..<max(least, most) {
      alias(node, to)
      try layCopy(&self)
    }
    alias(node, to)
    pair(copies)
  }

  /// Notes that nodes of copies, each of which takes at least a byte, are like those of the first copy as long as more
  /// copies follow than a token has bytes.
  /// - Parameter copies: the first node of each, one copy after another
  private mutating func pair(_ copies: [Int32]) {
    guard copies.count > reach + 2 else { return }
    let size = copies[1] - copies[0]
    for (index, first) in copies.enumerated().dropFirst().dropLast(reach + 1) {
      guard copies[index + 1] - first == size else { return }
      for node in first..<first + size { nodes[Int(node)].twin = copies[0] + node - first }
    }
  }
}
