/// Turns a parsed pattern into instructions.
///
/// Two things make the usual patterns fast: an alternation goes straight to the alternatives that the next character may
/// begin, and a run of characters that nothing after it could begin with is never given back.
struct PatternCompiler {
  typealias Instruction = PatternProgram.Instruction

  /// More sets than any tokenizer's pattern has.
  private static let maximumSets = 1024

  /// What comes after the node that is compiled.
  enum Follow {
    /// The match is complete.
    case accept
    /// Something that begins with one of these characters and is not empty.
    case first(ScalarSet)
    case unknown
  }

  private(set) var instructions: [Instruction] = []
  private(set) var membership: [Bool] = []
  private(set) var branches: [Int32] = []
  let partition: CharacterPartition
  private let rows: [ScalarSet: Int32]
  private(set) var wordRow: Int32 = 0

  init(_ root: PatternNode) throws {
    var sets: [ScalarSet] = []
    Self.collect(root, into: &sets)
    var known: Set<ScalarSet> = []
    sets = sets.filter { known.insert($0).inserted }
    guard sets.count <= Self.maximumSets else {
      throw PatternError(reason: "it has more than \(Self.maximumSets) different sets of characters")
    }
    partition = try CharacterPartition(sets)
    var rows: [ScalarSet: Int32] = [:]
    for set in sets {
      rows[set] = Int32(membership.count)
      membership += Self.flags(of: set, in: partition)
    }
    self.rows = rows
    wordRow = rows[PatternProperties.wordOperator] ?? 0
  }

  /// Whether each class belongs to `set`, 256 flags.
  func flags(of set: ScalarSet) -> [Bool] { Self.flags(of: set, in: partition) }

  private static func flags(of set: ScalarSet, in partition: CharacterPartition) -> [Bool] {
    var flags = [Bool](repeating: false, count: CharacterPartition.maximumClasses)
    for (index, value) in partition.representatives.enumerated() { flags[index] = set.contains(value) }
    return flags
  }

  private static func collect(_ node: PatternNode, into sets: inout [ScalarSet]) {
    switch node {
    case .set(let set): sets.append(set)
    case .sequence(let nodes), .alternation(let nodes): for node in nodes { collect(node, into: &sets) }
    case .repetition(let node, _, _, _), .atomic(let node), .lookahead(let node, _), .lookbehind(let node, _):
      collect(node, into: &sets)
    case .assertion(.wordBoundary), .assertion(.noWordBoundary): sets.append(PatternProperties.wordOperator)
    case .assertion: break
    }
  }

  mutating func compile(_ root: PatternNode) throws {
    try emit(root, follow: .accept)
    try append(Instruction(operation: .accept))
  }

  // MARK: - Nodes

  private mutating func emit(_ node: PatternNode, follow: Follow) throws {
    switch node {
    case .set(let set): try append(Instruction(operation: .set, set: row(set)))
    case .sequence(let nodes):
      for (node, follow) in zip(nodes, Self.follows(in: nodes, then: follow)) {
        try emit(node, follow: follow)
      }
    case .alternation(let nodes): try emitAlternation(nodes, follow: follow)
    case .repetition(let node, let low, let high, let greed):
      try emitRepetition(node, low, high, greed, follow: follow)
    case .atomic(let node): try emitNested(node, Instruction(operation: .atomic), follow: .accept)
    case .lookahead(.set(let set), let negated):
      try append(Instruction(operation: .peek, set: row(set), first: negated ? 0 : 1))
    case .lookahead(let node, let negated):
      try emitNested(node, Instruction(operation: .look, first: negated ? 0 : 1), follow: .accept)
    case .lookbehind(.set(let set), let negated):
      try append(Instruction(operation: .peekBehind, set: row(set), first: negated ? 0 : 1))
    case .lookbehind(let node, let negated):
      let lengths = node.lengths
      let instruction = Instruction(
        operation: .behind, set: Int32(lengths.lowerBound), first: negated ? 0 : 1,
        third: Int32(lengths.upperBound))
      try emitNested(node, instruction, follow: .unknown)
    case .assertion(let assertion):
      try append(Instruction(operation: .assert, first: Int32(assertion.rawValue)))
    }
  }

  /// What comes after each node of a sequence.
  private static func follows(in nodes: [PatternNode], then follow: Follow) -> [Follow] {
    var result: [Follow] = []
    var next = follow
    for node in nodes.reversed() {
      result.append(next)
      if !node.isNullable {
        next = .first(node.first)
      } else if case .first(let set) = next {
        next = .first(set.union(node.first))
      } else {
        next = .unknown
      }
    }
    return result.reversed()
  }

  /// `instruction` and the body it is about, which ends by accepting.
  private mutating func emitNested(_ node: PatternNode, _ instruction: Instruction, follow: Follow) throws {
    let start = instructions.count
    try append(instruction)
    try emit(node, follow: follow)
    try append(Instruction(operation: .accept))
    instructions[start].second = Int32(instructions.count)
  }

  private mutating func emitAlternation(_ nodes: [PatternNode], follow: Follow) throws {
    let branch = instructions.count
    try append(Instruction(operation: .branch))
    var starts: [Int32] = []
    var jumps: [Int] = []
    for node in nodes {
      starts.append(Int32(instructions.count))
      try emit(node, follow: follow)
      jumps.append(instructions.count)
      try append(Instruction(operation: .jump))
    }
    // For each class the alternatives that it may begin, in their order.
    let firsts = nodes.map { flags(of: $0.first) }
    var chains: [[Int]: Int32] = [:]
    var table: [Int32] = []
    for number in 0...CharacterPartition.maximumClasses {
      let isEnd = number == CharacterPartition.maximumClasses
      let candidates = nodes.indices.filter { nodes[$0].isNullable || (!isEnd && firsts[$0][number]) }
      if let known = chains[candidates] {
        table.append(known)
        continue
      }
      let place: Int32
      if candidates.count == 1 {
        place = starts[candidates[0]]
      } else {
        place = Int32(instructions.count)
        for (index, candidate) in candidates.enumerated() {
          let isLast = index == candidates.count - 1
          try append(
            isLast
              ? Instruction(operation: .jump, first: starts[candidate])
              : Instruction(
                operation: .split, first: starts[candidate], second: Int32(instructions.count + 1)))
        }
        if candidates.isEmpty { try append(Instruction(operation: .fail)) }
      }
      chains[candidates] = place
      table.append(place)
    }
    instructions[branch].first = Int32(branches.count)
    branches += table
    for jump in jumps { instructions[jump].first = Int32(instructions.count) }
  }

  private mutating func emitRepetition(
    _ node: PatternNode, _ low: Int, _ high: Int, _ greed: PatternNode.Greed, follow: Follow
  ) throws {
    if high == 0 { return }
    if greed == .possessive {
      let greedy = PatternNode.repetition(node, atLeast: low, atMost: high, .greedy)
      if case .set = node {
        try emitRun(node, low, high, follow: .accept)
      } else {
        try emitNested(greedy, Instruction(operation: .atomic), follow: .accept)
      }
      return
    }
    if case .set = node, greed == .greedy || low == high {
      return try emitRun(node, low, high, follow: follow)
    }
    try emitCopies(node, low, high, isLazy: greed == .lazy, follow: follow)
  }

  private mutating func emitRun(_ node: PatternNode, _ low: Int, _ high: Int, follow: Follow) throws {
    guard case .set(let set) = node else { return }
    var givesBack = low < high
    switch follow {
    case .accept: givesBack = false
    case .first(let next): if next.intersection(set).isEmpty { givesBack = false }
    case .unknown: break
    }
    try append(
      Instruction(
        operation: givesBack ? .loop : .run, set: row(set), first: Int32(low), second: Int32(high)))
  }

  /// The body written out `low` times, then a loop or as many optional copies as are left.
  private mutating func emitCopies(
    _ node: PatternNode, _ low: Int, _ high: Int, isLazy: Bool, follow: Follow
  ) throws {
    let isLoop = high > low
    var inner = Follow.unknown
    if case .first(let set) = follow, !node.isNullable { inner = .first(set.union(node.first)) }
    // Where the match may end after each copy, no copy needs to give anything back.
    if case .accept = follow { inner = .accept }
    for index in 0..<low {
      let isLast = index == low - 1
      if isLast {
        try emit(node, follow: isLoop ? inner : follow)
      } else {
        try emit(node, follow: node.isNullable ? .unknown : .first(node.first))
      }
    }
    func split(_ operation: PatternProgram.Operation) -> Int {
      instructions.append(Instruction(operation: operation))
      return instructions.count - 1
    }
    func set(_ split: Int, body: Int, exit: Int) {
      instructions[split].first = Int32(isLazy ? exit : body)
      instructions[split].second = Int32(isLazy ? body : exit)
    }
    if high == PatternNode.unlimited {
      let head = split(node.isNullable ? .guardedSplit : .split)
      // A guarded head needs to know its exit, whichever it tries first.
      instructions[head].set = isLazy ? 1 : 0
      try emit(node, follow: inner)
      try append(Instruction(operation: .jump, first: Int32(head)))
      set(head, body: head + 1, exit: instructions.count)
    } else if high > low {
      var splits: [Int] = []
      for _ in low..<high {
        splits.append(split(.split))
        try emit(node, follow: inner)
      }
      for head in splits { set(head, body: head + 1, exit: instructions.count) }
    }
  }

  // MARK: - Instructions

  private func row(_ set: ScalarSet) -> Int32 { rows[set] ?? 0 }

  private mutating func append(_ instruction: Instruction) throws {
    guard instructions.count < PatternProgram.maximumInstructions else {
      throw PatternError(
        reason:
          "it needs more than \(PatternProgram.maximumInstructions) steps when its repetitions are written out"
      )
    }
    instructions.append(instruction)
  }
}
