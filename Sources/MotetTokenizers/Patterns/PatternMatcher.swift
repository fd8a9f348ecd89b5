/// Finds the matches of a pattern in a text.
///
/// A backtracking matcher over UTF-8, made safe against patterns and texts that would let one run for ever: what failed
/// once is remembered. A run of characters that was given back in vain is not tried again from its middle, and after a
/// number of steps that only a hostile pattern takes, every place where a choice failed is remembered, too: from then on
/// the time grows with the length of the text times that of the pattern. (The idea is that of Davis, Servant and Lee
/// 2021, "Using Selective Memoization to Defeat Regular Expression Denial of Service".)
struct PatternMatcher {
  private typealias Instruction = PatternProgram.Instruction

  /// A choice to come back to: `position` with `pc`, and for a run all places down to `low`.
  private struct Frame {
    var pc: Int
    /// The instruction that made the choice.
    var source: Int
    var position: Int
    /// The first place of a run that may be tried, or -1 for a split.
    var low: Int
  }

  /// What is known of a loop's last run of characters.
  private struct RunMemory {
    var start = -1
    var end = -1
    /// Every end from here to `failedEnd` was tried in vain.
    var failedLow = -1
    var failedEnd = -1
  }

  /// Steps back, before choices are remembered: for each byte of the text and beyond.
  private static let freeSteps = (each: 64, more: 4096)
  /// Bytes of a run that is worth remembering.
  private static let longRun = 32
  /// Remembered choices, after which the memory begins anew.
  private static let maximumMemory = 1 << 22

  private let instructions: UnsafeBufferPointer<PatternProgram.Instruction>
  private let membership: UnsafeBufferPointer<Bool>
  private let branches: UnsafeBufferPointer<Int32>
  private let classes: UnsafeBufferPointer<UInt8>
  private let program: PatternProgram
  private let text: UnsafeBufferPointer<UInt8>
  private var lower = 0
  private var upper = 0
  private var matchStart = 0

  private var stack: [Frame] = []
  private var runs: [RunMemory]
  private var visited: Set<UInt64> = []
  private var stepsLeft = 0
  private var remembers = false
  private var depth = 0
  /// The choices that failed, with the number of the search in which they did.
  private var failures: [UInt64: Int32] = [:]
  /// The choices inside of a nested match that led to its end, and where that is.
  private var successes: [UInt64: Int] = [:]
  /// The choices that were marked as failed since a nested match began.
  private var trail: [UInt64] = []
  private var search: Int32 = 0

  fileprivate init(
    _ program: PatternProgram, text: UnsafeBufferPointer<UInt8>,
    instructions: UnsafeBufferPointer<PatternProgram.Instruction>, membership: UnsafeBufferPointer<Bool>,
    branches: UnsafeBufferPointer<Int32>, classes: UnsafeBufferPointer<UInt8>
  ) {
    self.program = program
    self.text = text
    self.instructions = instructions
    self.membership = membership
    self.branches = branches
    self.classes = classes
    runs = Array(repeating: RunMemory(), count: instructions.count)
  }

  // MARK: - Searching

  /// Calls `body` with each match in `range`, which counts as a text of its own: one after another, and no empty match
  /// right after another match. Ranges come in ascending order.
  mutating func forEachMatch(in range: Range<Int>, _ body: (Range<Int>) -> Void) {
    begin(range)
    var from = range.lowerBound
    var lastEnd = -1
    while let (start, end) = firstMatch(from: from) {
      if start == end, end == lastEnd {
        if from >= upper { return }
        from = text.scalar(at: from).end
        continue
      }
      (from, lastEnd) = (end, end)
      body(start..<end)
    }
  }

  private mutating func begin(_ range: Range<Int>) {
    (lower, upper) = (range.lowerBound, range.upperBound)
    stepsLeft = Self.freeSteps.each * range.count + Self.freeSteps.more
    if remembers {
      remembers = false
      failures = [:]
      successes = [:]
    }
    search = 0
  }

  private mutating func firstMatch(from start: Int) -> (start: Int, end: Int)? {
    var position = start
    let starts = program.starts
    while true {
      if !starts.isEmpty {
        while position < upper {
          let (value, end) = text.scalar(at: position)
          if starts[Int(characterClass(value))] { break }
          position = end
        }
        if position >= upper { return nil }
      }
      matchStart = position
      search &+= 1
      if !visited.isEmpty { visited.removeAll(keepingCapacity: true) }
      let end = run(0, at: position, endingAt: -1)
      if end >= 0 { return (position, end) }
      if position >= upper { return nil }
      position = text.scalar(at: position).end
    }
  }

  // MARK: - Running

  @inline(__always)
  private func characterClass(_ value: UInt32) -> UInt8 {
    Int(value) < classes.count ? classes[Int(value)] : program.partition.highClass(of: value)
  }

  /// Where the instructions from `start` on end when they match at `position`, or -1.
  /// - Parameter target: the only end that counts, or -1 for any
  private mutating func run(_ start: Int, at position: Int, endingAt target: Int) -> Int {
    let base = stack.count
    var pc = start
    var position = position
    while true {
      let instruction = instructions[pc]
      var matches = true
      switch instruction.operation {
      case .set:
        matches = false
        if position < upper {
          let (value, end) = text.scalar(at: position)
          if membership[Int(instruction.set) + Int(characterClass(value))] {
            position = end
            pc += 1
            matches = true
          }
        }
      case .run:
        let end = endOfRun(instruction, pc, from: position)
        if end < 0 {
          matches = false
        } else {
          position = end
          pc += 1
        }
      case .loop:
        matches = enterLoop(instruction, &pc, &position)
      case .split:
        if remembers, depth > 0, let end = successes[Self.key(pc, position)] {
          stack.removeLast(stack.count - base)
          return end
        }
        stack.append(Frame(pc: Int(instruction.second), source: pc, position: position, low: -1))
        pc = Int(instruction.first)
      case .guardedSplit:
        let exit = Int(instruction.set == 1 ? instruction.first : instruction.second)
        if visited.insert(Self.key(pc, position)).inserted {
          stack.append(Frame(pc: Int(instruction.second), source: pc, position: position, low: -1))
          pc = Int(instruction.first)
        } else {
          pc = exit
        }
      case .branch:
        let number =
          position < upper
          ? Int(characterClass(text.scalar(at: position).value)) : CharacterPartition.maximumClasses
        pc = Int(branches[Int(instruction.first) + number])
      case .jump: pc = Int(instruction.first)
      case .assert:
        matches = holds(
          PatternNode.Assertion(rawValue: UInt8(truncatingIfNeeded: instruction.first)), at: position)
        pc += 1
      case .peek:
        let isMember = position < upper && isMember(position, of: instruction.set)
        matches = isMember == (instruction.first == 1)
        pc += 1
      case .peekBehind:
        let isMember = position > lower && isMember(text.start(before: position), of: instruction.set)
        matches = isMember == (instruction.first == 1)
        pc += 1
      case .look:
        matches = (nested(pc + 1, at: position, endingAt: -1) >= 0) == (instruction.first == 1)
        pc = Int(instruction.second)
      case .behind:
        matches = matchesBehind(instruction, pc, position) == (instruction.first == 1)
        pc = Int(instruction.second)
      case .atomic:
        let end = nested(pc + 1, at: position, endingAt: -1)
        matches = end >= 0
        if matches { position = end }
        pc = Int(instruction.second)
      case .accept:
        matches = target < 0 || position == target
        if matches {
          if remembers, depth > 0, target < 0 { rememberSuccess(from: base, end: position) }
          stack.removeLast(stack.count - base)
          return position
        }
      case .fail: matches = false
      }
      if !matches {
        guard let (next, place) = stepBack(to: base) else { return -1 }
        (pc, position) = (next, place)
      }
    }
  }

  @inline(__always)
  private func isMember(_ position: Int, of set: Int32) -> Bool {
    membership[Int(set) + Int(characterClass(text.scalar(at: position).value))]
  }

  /// The end of a run of `first` to `second` characters, or -1 when there are too few.
  @inline(__always)
  private mutating func endOfRun(
    _ instruction: PatternProgram.Instruction, _ pc: Int, from start: Int
  ) -> Int {
    let isUnlimited = Int(instruction.second) == PatternNode.unlimited
    // In the middle of a long run that was seen before.
    if isUnlimited, instruction.first <= 1, runs[pc].start <= start, start < runs[pc].end {
      return runs[pc].end
    }
    var position = start
    var count = 0
    let most = Int(instruction.second)
    while count < most, position < upper {
      let (value, end) = text.scalar(at: position)
      guard membership[Int(instruction.set) + Int(characterClass(value))] else { break }
      position = end
      count += 1
    }
    if isUnlimited, position - start >= Self.longRun { runs[pc] = RunMemory(start: start, end: position) }
    return count >= Int(instruction.first) ? position : -1
  }

  /// Takes the longest run and notes the shorter ones.
  private mutating func enterLoop(
    _ instruction: PatternProgram.Instruction, _ pc: inout Int, _ position: inout Int
  ) -> Bool {
    // The earliest end: after `first` characters.
    var low = position
    for _ in 0..<Int(instruction.first) {
      guard low < upper, isMember(low, of: instruction.set) else { return false }
      low = text.scalar(at: low).end
    }
    var rest = instruction
    rest.first = 0
    let isUnlimited = Int(instruction.second) == PatternNode.unlimited
    if !isUnlimited { rest.second -= instruction.first }
    let end = endOfRun(rest, pc, from: low)
    if isUnlimited, runs[pc].failedEnd == end, low >= runs[pc].failedLow, low < end { return false }
    if end > low {
      stack.append(Frame(pc: pc + 1, source: isUnlimited ? pc : -1, position: end, low: low))
    }
    position = end
    pc += 1
    return true
  }

  /// The latest choice that is left above `base`, or nil.
  private mutating func stepBack(to base: Int) -> (pc: Int, position: Int)? {
    while stack.count > base {
      let last = stack.count - 1
      let frame = stack[last]
      var position = frame.position
      if frame.low < 0 {
        stack.removeLast()
      } else if position <= frame.low {
        // All ends of the run were tried.
        if frame.source >= 0, runs[frame.source].start <= frame.low, frame.low < runs[frame.source].end {
          runs[frame.source].failedLow = frame.low
          runs[frame.source].failedEnd = runs[frame.source].end
        }
        stack.removeLast()
        continue
      } else {
        position = text.start(before: position)
        stack[last].position = position
      }
      if remembers {
        guard remember(frame.pc, position) else { continue }
      } else {
        stepsLeft -= 1
        if stepsLeft < 0 { remembers = true }
      }
      return (frame.pc, position)
    }
    return nil
  }

  // MARK: - Nested matches

  private mutating func nested(_ start: Int, at position: Int, endingAt target: Int) -> Int {
    depth += 1
    let (outerTrail, outerVisited) = (trail.count, visited)
    let end = run(start, at: position, endingAt: target)
    visited = outerVisited
    // What was marked on the way to a success may have been part of it.
    if end >= 0 { for key in trail[outerTrail...] { failures[key] = nil } }
    trail.removeLast(trail.count - outerTrail)
    depth -= 1
    return end
  }

  private mutating func matchesBehind(
    _ instruction: PatternProgram.Instruction, _ pc: Int, _ position: Int
  ) -> Bool {
    var start = position
    for length in 0...Int(instruction.third) {
      if length >= Int(instruction.set), nested(pc + 1, at: start, endingAt: position) >= 0 { return true }
      if start <= lower { return false }
      start = text.start(before: start)
    }
    return false
  }

  // MARK: - Remembering

  private static func key(_ pc: Int, _ position: Int) -> UInt64 {
    UInt64(truncatingIfNeeded: pc) << 40 | UInt64(truncatingIfNeeded: position)
  }

  /// Whether the choice has not failed before; marks it.
  private mutating func remember(_ pc: Int, _ position: Int) -> Bool {
    let key = Self.key(pc, position)
    // An earlier search may have passed the place where this one starts on its way to a match.
    if let before = failures[key], position != matchStart || before == search { return false }
    if failures.count >= Self.maximumMemory { failures.removeAll(keepingCapacity: true) }
    failures[key] = search
    if depth > 0 { trail.append(key) }
    return true
  }

  /// Every choice that is still open lies on the way to the end that was found.
  private mutating func rememberSuccess(from base: Int, end: Int) {
    if successes.count >= Self.maximumMemory { successes.removeAll(keepingCapacity: true) }
    for frame in stack[base...] where frame.low < 0 && instructions[frame.source].operation == .split {
      successes[Self.key(frame.source, frame.position)] = end
    }
  }

  // MARK: - Assertions

  private func holds(_ assertion: PatternNode.Assertion?, at position: Int) -> Bool {
    switch assertion {
    case .lineStart:
      // Not after a newline that ends the text.
      return position == lower || (text[position - 1] == 0x0A && position < upper)
    case .lineEnd: return position == upper || text[position] == 0x0A
    case .textStart: return position == lower
    case .textEnd: return position == upper
    case .textEndOrLastNewline:
      return position == upper || (position == upper - 1 && text[position] == 0x0A)
    case .wordBoundary, .noWordBoundary:
      let row = Int32(program.wordRow)
      let before = position > lower && isMember(text.start(before: position), of: row)
      let after = position < upper && isMember(position, of: row)
      return (before != after) == (assertion == .wordBoundary)
    case nil: return false
    }
  }
}

extension PatternProgram {
  /// Calls `body` with a matcher for `text`, which is valid UTF-8.
  func withMatcher<Result>(
    for text: UnsafeBufferPointer<UInt8>, _ body: (inout PatternMatcher) throws -> Result
  ) rethrows -> Result {
    try instructions.withUnsafeBufferPointer { instructions in
      try membership.withUnsafeBufferPointer { membership in
        try branches.withUnsafeBufferPointer { branches in
          try partition.table.withUnsafeBufferPointer { classes in
            var matcher = PatternMatcher(
              self, text: text, instructions: instructions, membership: membership, branches: branches,
              classes: classes)
            return try body(&matcher)
          }
        }
      }
    }
  }
}
