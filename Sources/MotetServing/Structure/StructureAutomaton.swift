import Synchronization

/// The tokens that can follow in a text that a grammar describes.
///
/// The mask of a position is made by walking the vocabulary over a table of positions, which is made as they are met. A
/// token is allowed at a position if one of its places allows it: where a pattern has a position for each subset of its
/// places, masks are made of those of single places, of which there are few. Masks and tables are kept within a budget
/// and made again when they are missed: positions are values that need none of them.
final class StructureAutomaton: Sendable {
  let grammar: ByteGrammar
  let trie: TokenTrie
  private let ends: Set<Int32>
  private let memory: StructureMemory
  private let masks: Mutex<RecentCache<TextPosition, TokenMask>>
  private let workspace: Workspace
  /// Bytes that are held as long as it is.
  private let fixed: Int

  private static let tableBudget = 8 << 20
  private static let maskBudget = 8 << 20
  private static let singleBudget = 6 << 20
  /// Places met while one mask is made. What a pattern allows beyond is left out, once it allows anything.
  private static let mostWork = 40_000_000

  /// Whether a thread is at the workspace.
  private let isTaken = Atomic(false)

  /// What masks are made with.
  // Sendable by hand: only who has set `isTaken` touches it.
  private final class Workspace: @unchecked Sendable {
    var table: PositionTable
    var singles = RecentCache<TextPosition, [UInt64]>(budget: StructureAutomaton.singleBudget)
    /// Whether single places are walked first.
    var isScattered = false
    var told = 0

    init(_ grammar: ByteGrammar) { table = PositionTable(grammar) }
  }

  /// - Parameters:
  ///   - ends: tokens that end an answer, allowed where the text may end
  ///   - text: bytes of the schema, which count too
  init(
    _ grammar: ByteGrammar, trie: TokenTrie, ends: Set<Int32>, memory: StructureMemory, text: Int = 0
  ) {
    self.grammar = grammar
    self.trie = trie
    self.ends = ends
    self.memory = memory
    masks = Mutex(RecentCache(budget: Self.maskBudget))
    workspace = Workspace(grammar)
    fixed = grammar.memory + text
    workspace.told = fixed
    memory.change(by: fixed)
  }

  deinit { memory.change(by: -workspace.told) }

  /// A mask that is kept.
  func known(_ position: TextPosition) -> TokenMask? {
    let alike = grammar.alike(position)
    return masks.withLock { $0.value(alike) }
  }

  /// The mask of a position, made here and now if it is not kept.
  func mask(_ position: TextPosition) -> TokenMask {
    var making = Making(self, position)
    while true { if let mask = making.proceed(until: nil) { return mask } }
  }

  /// A mask that is being made, in pieces.
  struct Making {
    private let automaton: StructureAutomaton
    private let position: TextPosition
    private var words: [UInt64]
    private var walk: TrieWalk?
    private var singles: [TextPosition]?
    private var work = 0

    init(_ automaton: StructureAutomaton, _ position: TextPosition) {
      self.automaton = automaton
      // Made from the place that all like it share.
      self.position = automaton.grammar.alike(position)
      words = [UInt64](repeating: 0, count: (automaton.trie.vocabulary + 63) / 64)
    }

    /// Goes on until it is done, or a moment, or not at all while another thread is at the same automaton.
    /// - Returns: the mask once it is done
    mutating func proceed(until end: ContinuousClock.Instant?) -> TokenMask? {
      if let known = automaton.known(position) { return known }
      let taken = automaton.isTaken.compareExchange(
        expected: false, desired: true, ordering: .acquiringAndReleasing)
      guard taken.exchanged else { return nil }
      defer { automaton.isTaken.store(false, ordering: .releasing) }
      let space = automaton.workspace
      if singles == nil, space.isScattered, position.placeCount > 1 { singles = position.single }
      if singles == nil {
        switch proceed(position, mayScatter: position.placeCount > 1, until: end) {
        case .done: return finish()
        case .paused: return nil
        case .scattered:
          space.isScattered = true
          walk = nil
          singles = position.single
        }
      }
      while let single = singles?.last {
        if let known = space.singles.value(single) {
          add(known)
        } else {
          guard case .done = proceed(single, mayScatter: false, until: end) else { return nil }
          if let found = walk?.words {
            space.singles.insert(found, for: single, bytes: single.memory + 8 * found.count + 64)
            add(found)
          }
          walk = nil
        }
        singles?.removeLast()
        if work > StructureAutomaton.mostWork, words.contains(where: { $0 != 0 }) { break }
      }
      return finish()
    }

    private mutating func add(_ other: [UInt64]) {
      for index in words.indices { words[index] |= other[index] }
    }

    private mutating func proceed(
      _ start: TextPosition, mayScatter: Bool, until end: ContinuousClock.Instant?
    ) -> TrieWalk.Outcome {
      let space = automaton.workspace
      var walk = self.walk ?? TrieWalk(from: start, automaton.trie)
      // Only one holds its arrays.
      self.walk = nil
      let before = space.table.work
      let outcome = walk.proceed(
        &space.table, limit: StructureAutomaton.tableBudget, mayScatter: mayScatter, until: end)
      work += space.table.work - before
      self.walk = walk
      // What was found so far is enough to go on with.
      if case .paused = outcome, work > StructureAutomaton.mostWork, walk.words.contains(where: { $0 != 0 }) {
        return .done
      }
      return outcome
    }

    private mutating func finish() -> TokenMask {
      if let found = walk?.words { add(found) }
      if position.isComplete {
        for token in automaton.ends where Int(token) < automaton.trie.vocabulary {
          words[Int(token) >> 6] |= 1 << UInt64(token & 63)
        }
      }
      let mask = TokenMask(words: words, count: automaton.trie.vocabulary)
      automaton.keep(mask, of: position)
      return mask
    }
  }

  private func keep(_ mask: TokenMask, of position: TextPosition) {
    let kept = masks.withLock { masks in
      masks.insert(mask, for: position, bytes: position.memory + mask.memory + 64)
      return masks.memory
    }
    tell(kept)
    guard memory.isOver else { return }
    workspace.table.clear()
    workspace.singles.removeAll()
    masks.withLock { $0.removeAll() }
    tell(0)
  }

  private func tell(_ masks: Int) {
    let now = fixed + masks + workspace.table.memory + workspace.singles.memory
    memory.change(by: now - workspace.told)
    workspace.told = now
  }
}
