/// Finds the matches of a pattern in a text.
///
/// A backtracking matcher over UTF-8, made safe against patterns and texts that would let one run for ever: what failed
/// once is remembered. A run of characters that was given back in vain is not tried again from its middle, and after a
/// number of steps that only a hostile pattern takes, every choice is remembered with the place where it was made and
/// how it ended, so that it is made there only once: from then on the time grows with the length of the text times that
/// of the pattern. (The idea is that of Davis, Servant and Lee 2021, "Using Selective Memoization to Defeat Regular
/// Expression Denial of Service".)
struct PatternMatcher {
  private typealias Instruction = PatternProgram.Instruction

  /// A choice on the way to where the matcher is: `position` with `pc`, and for a run all places down to `low`.
  private struct Frame {
    var pc: Int32
    /// The instruction that made the choice, and where.
    var source: Int32
    var entry: Int
    var position: Int
    /// The first place of a run that may be tried, or one of the values below.
    var low: Int

    /// One way is left to try.
    static let split = -1
    /// No way is left; the choice is kept since it leads to where the matcher is.
    static let taken = -2
  }

  /// What is known of a choice before it is made.
  private enum Knowledge {
    case nothing
    case failure
    /// It leads to the end of its nested match, at a place.
    case success(Int)
  }

  /// What is known of a loop's last run of characters.
  private struct RunMemory {
    var start = -1
    var end = -1
    /// Every end from here to `failedEnd` was tried in vain.
    var failedLow = -1
    var failedEnd = -1
  }

  /// Choices and steps back, before choices are remembered: for each byte of the text and beyond.
  static let freeSteps = (each: 64, more: 4096)
  /// Bytes of a run that is worth remembering.
  private static let longRun = 32
  /// Remembered choices, after which the memory begins anew.
  private static let maximumMemory = 1 << 22

  private let instructions: UnsafeBufferPointer<PatternProgram.Instruction>
  private let membership: UnsafeBufferPointer<Bool>
  private let branches: UnsafeBufferPointer<Int32>
  private let classes: UnsafeBufferPointer<UInt8>
  private let program: PatternProgram
  private let freeSteps: (each: Int, more: Int)
  private let text: UnsafeBufferPointer<UInt8>
  private var lower = 0
  private var upper = 0

  private var stack: [Frame] = []
  private var runs: [RunMemory]
  private var visited: Set<UInt64> = []
  private var stepsLeft = 0
  private var remembers = false
  private var depth = 0
  /// The choices that did not lead to a match, and the ends of long runs that were tried.
  private var failures: Set<UInt64> = []
  /// The choices inside of a nested match that led to its end, and where that is.
  private var successes: [UInt64: Int] = [:]
  /// The choices that were marked as failures since the search began, in their order.
  private var trail: [UInt64] = []
  /// Whether the nested match may keep what led to its end.
  private var keepsSuccesses = true
  /// The runs that were given back in vain.
  private var failedRuns: [Int] = []

  fileprivate init(
    _ program: PatternProgram, text: UnsafeBufferPointer<UInt8>,
    instructions: UnsafeBufferPointer<PatternProgram.Instruction>, membership: UnsafeBufferPointer<Bool>,
    branches: UnsafeBufferPointer<Int32>, classes: UnsafeBufferPointer<UInt8>,
    freeSteps: (each: Int, more: Int)
  ) {
    self.program = program
    self.freeSteps = freeSteps
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
    stepsLeft = freeSteps.each * range.count + freeSteps.more
    if remembers {
      remembers = false
      failures = []
      successes = [:]
    }
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
      if !visited.isEmpty { visited.removeAll(keepingCapacity: true) }
      if !trail.isEmpty { trail.removeAll(keepingCapacity: true) }
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
    let (base, made) = (stack.count, trail.count)
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
      case .loop, .split, .guardedSplit:
        if instruction.operation == .guardedSplit, !visited.insert(Self.key(pc, position)).inserted {
          // Round once without a character: on with what follows.
          pc = Int(instruction.set == 1 ? instruction.first : instruction.second)
          break
        }
        switch known(pc, position) {
        case .success(let end):
          succeed(from: base, since: made, at: end, target)
          return end
        case .failure: matches = false
        case .nothing:
          if instruction.operation == .loop {
            matches = enterLoop(instruction, &pc, &position)
          } else {
            stack.append(
              Frame(
                pc: instruction.second, source: Int32(truncatingIfNeeded: pc), entry: position,
                position: position, low: Frame.split))
            pc = Int(instruction.first)
          }
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
        let outer = keepsSuccesses
        keepsSuccesses = true
        matches = (nested(pc + 1, at: position, endingAt: -1) >= 0) == (instruction.first == 1)
        keepsSuccesses = outer
        pc = Int(instruction.second)
      case .behind:
        matches = matchesBehind(instruction, pc, position) == (instruction.first == 1)
        pc = Int(instruction.second)
      case .atomic:
        // Of several ends the first one counts, which depends on the way there when a loop goes round for nothing.
        let outer = keepsSuccesses
        keepsSuccesses = !program.hasGuards
        let end = nested(pc + 1, at: position, endingAt: -1)
        keepsSuccesses = outer
        matches = end >= 0
        if matches { position = end }
        pc = Int(instruction.second)
      case .accept:
        matches = target < 0 || position == target
        if matches {
          succeed(from: base, since: made, at: position, target)
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
    if end > low || remembers {
      stack.append(
        Frame(
          pc: Int32(truncatingIfNeeded: pc + 1), source: Int32(truncatingIfNeeded: pc), entry: position,
          position: end, low: low))
    }
    position = end
    pc += 1
    return true
  }

  /// The latest choice above `base` that has a way left, or nil.
  private mutating func stepBack(to base: Int) -> (pc: Int, position: Int)? {
    while stack.count > base {
      let last = stack.count - 1
      let frame = stack[last]
      let pc = Int(frame.pc)
      if frame.low < 0 {
        if frame.low == Frame.taken {
          stack.removeLast()
          noteFailure(frame)
          continue
        }
        if remembers { stack[last].low = Frame.taken } else { stack.removeLast() }
        countStep()
        return (pc, frame.position)
      }
      if frame.position <= frame.low {
        // All ends of the run were tried.
        let source = Int(frame.source)
        if Int(instructions[source].second) == PatternNode.unlimited, runs[source].start <= frame.low,
          frame.low < runs[source].end
        {
          if program.hasGuards { failedRuns.append(source) }
          runs[source].failedLow = frame.low
          runs[source].failedEnd = runs[source].end
        }
        stack.removeLast()
        noteFailure(frame)
        continue
      }
      let position = text.start(before: frame.position)
      stack[last].position = position
      // Of a long run, every end is one of many: none is tried from more than one start.
      if remembers, position - frame.low >= Self.longRun,
        !insert(Self.key(pc, position) | Self.endOfRun)
      {
        continue
      }
      countStep()
      return (pc, position)
    }
    return nil
  }

  @inline(__always)
  private mutating func countStep() {
    stepsLeft -= 1
    if stepsLeft < 0 { remembers = true }
  }

  // MARK: - Nested matches

  private mutating func nested(_ start: Int, at position: Int, endingAt target: Int) -> Int {
    depth += 1
    var outer: Set<UInt64> = []
    swap(&outer, &visited)
    let end = run(start, at: position, endingAt: target)
    swap(&outer, &visited)
    depth -= 1
    return end
  }

  private mutating func matchesBehind(
    _ instruction: PatternProgram.Instruction, _ pc: Int, _ position: Int
  ) -> Bool {
    var start = position
    for length in 0...Int(instruction.third) {
      if length >= Int(instruction.set) {
        let made = trail.count
        let end = nested(pc + 1, at: start, endingAt: position)
        // What fails for one end may succeed for another.
        for key in trail.dropFirst(made) { failures.remove(key) }
        trail.removeLast(max(0, trail.count - made))
        if end >= 0 { return true }
      }
      if start <= lower { return false }
      start = text.start(before: start)
    }
    return false
  }

  // MARK: - Remembering

  private static func key(_ pc: Int, _ position: Int) -> UInt64 {
    UInt64(truncatingIfNeeded: pc) << 40 | UInt64(truncatingIfNeeded: position)
  }

  private static let placeBits: UInt64 = 1 << 40 - 1
  /// Parts the ends of a run, which follow `pc`, from a choice at `pc`.
  private static let endOfRun: UInt64 = 1 << 63

  /// What is known of the choice of `pc` at `position`.
  @inline(__always)
  private mutating func known(_ pc: Int, _ position: Int) -> Knowledge {
    countStep()
    guard remembers else { return .nothing }
    let key = Self.key(pc, position)
    if depth > 0, let end = successes[key] { return .success(end) }
    return failures.contains(key) ? .failure : .nothing
  }

  private mutating func noteFailure(_ frame: Frame) {
    if remembers { _ = insert(Self.key(Int(frame.source), frame.entry)) }
  }

  private mutating func insert(_ key: UInt64) -> Bool {
    if failures.count >= Self.maximumMemory {
      failures.removeAll(keepingCapacity: true)
      trail.removeAll(keepingCapacity: true)
    }
    guard failures.insert(key).inserted else { return false }
    trail.append(key)
    return true
  }

  /// Ends a run: every choice that is left above `base` lies on the way to the end that was found.
  /// - Parameter made: how many choices had been marked when the run began
  private mutating func succeed(from base: Int, since made: Int, at end: Int, _ target: Int) {
    if remembers {
      if successes.count >= Self.maximumMemory { successes.removeAll(keepingCapacity: true) }
      let isKept = depth > 0 && target < 0 && keepsSuccesses
      var places: Set<Int> = [end]
      for frame in stack[base...] {
        let key = Self.key(Int(frame.source), frame.entry)
        failures.remove(Self.key(Int(frame.pc), frame.position) | Self.endOfRun)
        if isKept { successes[key] = end }
        if program.hasGuards { places.insert(frame.entry) }
      }
      if program.hasGuards {
        // A choice that came back to a loop's head without a character failed only as long as the head was open.
        for key in trail.dropFirst(made) where places.contains(Int(key & Self.placeBits)) {
          failures.remove(key)
        }
      }
    }
    if !failedRuns.isEmpty {
      for pc in failedRuns { runs[pc].failedEnd = -1 }
      failedRuns.removeAll(keepingCapacity: true)
    }
    stack.removeLast(stack.count - base)
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
    for text: UnsafeBufferPointer<UInt8>, freeSteps: (each: Int, more: Int) = PatternMatcher.freeSteps,
    _ body: (inout PatternMatcher) throws -> Result
  ) rethrows -> Result {
    try instructions.withUnsafeBufferPointer { instructions in
      try membership.withUnsafeBufferPointer { membership in
        try branches.withUnsafeBufferPointer { branches in
          try partition.table.withUnsafeBufferPointer { classes in
            var matcher = PatternMatcher(
              self, text: text, instructions: instructions, membership: membership, branches: branches,
              classes: classes, freeSteps: freeSteps)
            return try body(&matcher)
          }
        }
      }
    }
  }
}
