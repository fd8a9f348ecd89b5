/// What a text may be, as rules over bytes that may call one another.
indirect enum ByteExpression: Sendable {
  case bytes(ByteSet)
  case literal([UInt8])
  case sequence([ByteExpression])
  case choice([ByteExpression])
  /// So many times; without an end when `most` is nil.
  case repeated(ByteExpression, least: Int, most: Int?)
  case rule(Int)

  static let nothing = ByteExpression.literal([])

  static func text(_ text: String) -> ByteExpression { .literal(Array(text.utf8)) }
  static func optional(_ expression: ByteExpression) -> ByteExpression {
    .choice([.nothing, expression])
  }
}

/// Rules as nodes that bytes lead between (Thompson's construction, 1968, with calls between rules).
struct ByteGrammar: Sendable {
  struct Node: Sendable {
    var bytes = ByteSet()
    /// Where `bytes` lead; -1 for nowhere.
    var target: Int32 = -1
    /// Nodes that it is as good as.
    var aliases: [Int32] = []
    /// The node of a rule that has to be passed first, and where it goes on then; -1 for none.
    var call: Int32 = -1
    var back: Int32 = -1
    /// Whether the rule may end here.
    var isEnd = false
  }

  private(set) var nodes: [Node] = []
  private var starts: [Int32]
  /// Where the text begins.
  let start: Int32

  /// More are refused: a schema that is repeated many times over.
  static let maximumNodes = 200_000

  /// - Parameters:
  ///   - rules: by number, as ``ByteExpression/rule(_:)`` has them
  ///   - first: the one that the whole text is
  /// - Throws: ``ServingError/invalid(parameter:message:)`` when it becomes too large
  init(rules: [ByteExpression], first: Int) throws {
    starts = []
    start = Int32(first)
    for _ in rules { starts.append(add()) }
    for (index, rule) in rules.enumerated() {
      let end = add()
      nodes[Int(end)].isEnd = true
      try place(rule, from: starts[index], to: end)
    }
  }

  private mutating func add() -> Int32 {
    nodes.append(Node())
    return Int32(nodes.count - 1)
  }

  /// Lays an expression between two nodes.
  private mutating func place(_ expression: ByteExpression, from: Int32, to: Int32) throws {
    guard nodes.count < Self.maximumNodes else {
      throw ServingError.invalid(
        parameter: "response_format",
        message: "the schema is too large: lower maxLength, maxItems or the counts of its patterns")
    }
    switch expression {
    case .bytes(let bytes):
      let node = fresh(from)
      nodes[Int(node)].bytes = bytes
      nodes[Int(node)].target = to
    case .literal(let bytes): try placeAll(bytes.map { .bytes(ByteSet($0...$0)) }, from: from, to: to)
    case .sequence(let parts): try placeAll(parts, from: from, to: to)
    case .choice(let parts): for part in parts { try place(part, from: from, to: to) }
    case .rule(let index):
      let node = fresh(from)
      nodes[Int(node)].call = starts[index]
      nodes[Int(node)].back = to
    case .repeated(let part, let least, let most):
      try placeRepeated(part, least: least, most: most, from: from, to: to)
    }
  }

  /// A node that nothing leads from yet and that is as good as `from`.
  private mutating func fresh(_ from: Int32) -> Int32 {
    let node = add()
    nodes[Int(from)].aliases.append(node)
    return node
  }

  private mutating func placeAll(_ parts: [ByteExpression], from: Int32, to: Int32) throws {
    guard let last = parts.last else {
      nodes[Int(from)].aliases.append(to)
      return
    }
    var place = from
    for part in parts.dropLast() {
      let next = add()
      try self.place(part, from: place, to: next)
      place = next
    }
    try self.place(last, from: place, to: to)
  }

  private mutating func placeRepeated(
    _ part: ByteExpression, least: Int, most: Int?, from: Int32, to: Int32
  ) throws {
    var place = add()
    nodes[Int(from)].aliases.append(place)
    for _ in 0..<least {
      let next = add()
      try self.place(part, from: place, to: next)
      place = next
    }
    guard let most else {
      let next = add()
      try self.place(part, from: place, to: next)
      nodes[Int(next)].aliases.append(place)
      nodes[Int(place)].aliases.append(to)
      return
    }
    for _ in least..<max(least, most) {
      nodes[Int(place)].aliases.append(to)
      let next = add()
      try self.place(part, from: place, to: next)
      place = next
    }
    nodes[Int(place)].aliases.append(to)
  }
}
