/// Where a text may stand in a grammar: places, each with what to come back to.
///
/// A value by itself: nothing that is kept for speed is needed to go on from it.
struct TextPosition: Sendable, Hashable {
  struct Group: Sendable, Hashable {
    let stack: RuleStack
    /// Ascending, each once; a byte leads out of each.
    var places: [Int32]
  }

  private(set) var groups: [Group]
  /// Whether the text may end here.
  let isComplete: Bool

  static let nowhere = TextPosition(groups: [], isComplete: false)

  /// Whether nothing may follow.
  var isFinal: Bool { groups.isEmpty }
  /// Whether the text is none that the grammar has, nor the beginning of one.
  var isNowhere: Bool { groups.isEmpty && !isComplete }
  var placeCount: Int { groups.reduce(0) { $0 + $1.places.count } }

  init(groups: [Group], isComplete: Bool) {
    self.groups = groups
    self.isComplete = isComplete
  }

  /// Each place by itself.
  var single: [TextPosition] {
    groups.flatMap { group in
      group.places.map {
        TextPosition(groups: [Group(stack: group.stack, places: [$0])], isComplete: false)
      }
    }
  }

  /// So many of the places: what can be read in more ways goes on in the first of them, each of which leads to an end.
  mutating func keep(_ count: Int) {
    guard placeCount > count else { return }
    var left = count
    var kept: [Group] = []
    for group in groups where left > 0 {
      kept.append(Group(stack: group.stack, places: Array(group.places.prefix(left))))
      left -= min(left, group.places.count)
    }
    groups = kept
  }

  /// Bytes that it holds in memory.
  var memory: Int { groups.reduce(64) { $0 + 160 + 4 * $1.places.capacity } }
}

extension ByteGrammar {
  /// Where a text begins.
  var beginning: TextPosition { position([(RuleStack.bottom, start)]) }

  /// Where a byte leads.
  func step(_ position: TextPosition, _ byte: UInt8) -> TextPosition {
    var reached: [(RuleStack, Int32)] = []
    for group in position.groups {
      for place in group.places {
        forEachTarget(of: place, byte) { reached.append((group.stack, $0)) }
      }
    }
    return reached.isEmpty ? .nowhere : self.position(reached)
  }

  /// The position of closures, with the rules that are called there and those that are come back to.
  private func position(_ reached: [(RuleStack, Int32)]) -> TextPosition {
    struct Part {
      let stack: RuleStack
      var places: [Int32] = []
      var isEnded = false
      var called = Set<Int32>()
    }
    var parts: [Part] = []
    var isComplete = false
    var open = reached
    while !open.isEmpty {
      var changed = Set<Int>()
      var last = -1
      for (stack, closure) in open {
        if last < 0 || parts[last].stack !== stack {
          last = parts.firstIndex { $0.stack == stack } ?? -1
          if last < 0 {
            last = parts.count
            parts.append(Part(stack: stack))
          }
          changed.insert(last)
        }
        parts[last].places += places(of: closure)
      }
      open = []
      var callers: [Int32: [RuleStack.Frame]] = [:]
      for index in changed.sorted() {
        parts[index].places.sort()
        parts[index].places.removeRepeated()
        let stack = parts[index].stack
        for place in parts[index].places {
          if isEnd(place), !parts[index].isEnded {
            parts[index].isEnded = true
            if stack.frames.isEmpty { isComplete = true }
            for frame in stack.frames { open.append((frame.below, frame.back)) }
          }
          guard !calls.isEmpty, let call = calls[place], parts[index].called.insert(place).inserted else {
            continue
          }
          let start = stack.depth >= Self.maximumDepth ? call.closing : call.start
          callers[start, default: []].append(RuleStack.Frame(back: call.back, below: stack))
        }
      }
      for (start, frames) in callers.sorted(by: { $0.key < $1.key }) {
        var distinct: [RuleStack.Frame] = []
        for frame in frames.sorted(by: { $0.back < $1.back }) {
          let equals = distinct.reversed().prefix { $0.back == frame.back }
          if !equals.contains(where: { $0.below == frame.below }) { distinct.append(frame) }
        }
        open.append((RuleStack(distinct), start))
      }
    }
    var groups: [TextPosition.Group] = []
    for part in parts {
      let consuming = part.places.filter(isConsuming)
      if !consuming.isEmpty { groups.append(TextPosition.Group(stack: part.stack, places: consuming)) }
    }
    return TextPosition(groups: groups, isComplete: isComplete)
  }
}

extension [Int32] {
  /// Leaves one of each run of equal numbers.
  fileprivate mutating func removeRepeated() {
    guard count > 1 else { return }
    var kept = 1
    for index in 1..<count where self[index] != self[kept - 1] {
      self[kept] = self[index]
      kept += 1
    }
    removeLast(count - kept)
  }
}
