import MotetTensor
import MotetTokenizers

/// Which bytes, and so which tokens, can follow in a text that a grammar describes.
///
/// A state is the set of places in the grammar where the text may stand, each with the rules to come back to. States and
/// the steps between them are made as they are met and kept, so that judging a vocabulary is a walk over a table; and so
/// is the mask of a state. All requests with one grammar share them.
@Compute
final class StructureAutomaton {
  /// A place in the grammar and what to come back to.
  private struct Place: Hashable {
    let node: Int32
    let stack: Int32
  }
  private struct Frame: Hashable {
    let back: Int32
    let below: Int32
  }
  private struct State {
    let places: [Place]
    let isComplete: Bool
  }

  private let grammar: ByteGrammar
  private let trie: TokenTrie
  private var frames: [Frame] = [Frame(back: -1, below: -1)]
  private var depths: [Int32] = [0]
  private var frameNumbers: [Frame: Int32] = [:]
  private var states: [State] = []
  private var stateNumbers: [[Place]: Int32] = [:]
  /// 256 for each state; -1 where it is not known yet.
  private var steps: [Int32] = []
  private var masks: [Int32: TokenMask] = [:]
  /// Of all states together.
  private var placeCount = 0

  /// What it may hold: some patterns have a state for each subset of their places. Beyond, nothing follows.
  private static let mostStates = 40_000
  private static let mostPlacesOfAState = 512
  private static let mostPlaces = 4_000_000

  /// Where nothing can follow and nothing is complete.
  static let dead: Int32 = 0
  /// Rules within rules; deeper ones are not entered, so that nesting ends.
  private static let maximumDepth: Int32 = 200

  init(_ grammar: ByteGrammar, trie: TokenTrie) {
    self.grammar = grammar
    self.trie = trie
    _ = number([], isComplete: false)
    start = close([Place(node: grammar.start, stack: 0)])
  }

  /// Where a text begins.
  private(set) var start = StructureAutomaton.dead

  /// Whether it holds so much that a new one should take its place.
  var isFull: Bool { states.count > Self.mostStates / 2 || placeCount > Self.mostPlaces / 2 }

  /// Whether the text may end here.
  func isComplete(_ state: Int32) -> Bool { states[Int(state)].isComplete }
  /// Whether it has to.
  func isFinal(_ state: Int32) -> Bool { states[Int(state)].isComplete && states[Int(state)].places.isEmpty }

  func step(_ state: Int32, _ byte: UInt8) -> Int32 {
    let index = Int(state) << 8 | Int(byte)
    let known = steps[index]
    if known >= 0 { return known }
    let next = close(
      states[Int(state)].places.compactMap { place in
        let node = grammar.nodes[Int(place.node)]
        return node.bytes.contains(byte) ? Place(node: node.target, stack: place.stack) : nil
      })
    steps[index] = next
    return next
  }

  // MARK: States

  /// The state of all places that some are as good as.
  private func close(_ places: [Place]) -> Int32 {
    var isComplete = false
    var seen = Set(places)
    var open = places
    var found: [Place] = []
    func reach(_ place: Place) { if seen.insert(place).inserted { open.append(place) } }
    while let place = open.popLast() {
      let node = grammar.nodes[Int(place.node)]
      if node.target >= 0 { found.append(place) }
      for alias in node.aliases { reach(Place(node: alias, stack: place.stack)) }
      if node.call >= 0, let stack = stack(returningTo: node.back, below: place.stack) {
        reach(Place(node: node.call, stack: stack))
      }
      guard node.isEnd else { continue }
      if place.stack == 0 {
        isComplete = true
      } else {
        let frame = frames[Int(place.stack)]
        reach(Place(node: frame.back, stack: frame.below))
      }
    }
    found.sort { ($0.node, $0.stack) < ($1.node, $1.stack) }
    return number(found, isComplete: isComplete)
  }

  private func stack(returningTo back: Int32, below: Int32) -> Int32? {
    let node = grammar.nodes[Int(back)]
    // What would only end there comes back one rule further up.
    if node.isEnd, node.target < 0, node.call < 0, node.aliases.isEmpty { return below }
    let frame = Frame(back: back, below: below)
    if let known = frameNumbers[frame] { return known }
    guard depths[Int(below)] < Self.maximumDepth else { return nil }
    let new = Int32(frames.count)
    frames.append(frame)
    depths.append(depths[Int(below)] + 1)
    frameNumbers[frame] = new
    return new
  }

  private func number(_ places: [Place], isComplete: Bool) -> Int32 {
    // The stack has no number -1: it tells complete states from others with the same places.
    let key = isComplete ? places + [Place(node: -1, stack: -1)] : places
    if let known = stateNumbers[key] { return known }
    guard
      states.count < Self.mostStates, places.count <= Self.mostPlacesOfAState,
      placeCount + places.count <= Self.mostPlaces
    else { return Self.dead }
    placeCount += places.count
    let new = Int32(states.count)
    states.append(State(places: places, isComplete: isComplete))
    steps += [Int32](repeating: -1, count: 256)
    stateNumbers[key] = new
    return new
  }

  // MARK: Tokens

  /// The tokens that lead somewhere from a state, and where the text may end those that end an answer.
  func mask(_ state: Int32, ends: Set<Int32>) -> TokenMask {
    if let known = masks[state] { return known }
    var words = [UInt64](repeating: 0, count: (trie.vocabulary + 63) / 64)
    var path = [Int32](repeating: Self.dead, count: trie.deepest + 1)
    path[0] = state
    var node = 0
    while node < trie.bytes.count {
      let depth = Int(trie.depths[node])
      let next = step(path[depth - 1], trie.bytes[node])
      guard next != Self.dead else {
        node = Int(trie.ends[node])
        continue
      }
      path[depth] = next
      for index in trie.firsts[node]..<trie.firsts[node + 1] {
        let token = Int(trie.tokens[Int(index)])
        words[token >> 6] |= 1 << UInt64(token & 63)
      }
      node += 1
    }
    if isComplete(state) {
      for token in ends where Int(token) < trie.vocabulary {
        words[Int(token) >> 6] |= 1 << UInt64(token & 63)
      }
    }
    let mask = TokenMask(words: words, count: trie.vocabulary)
    if masks.count >= 2048 { masks = [:] }
    masks[state] = mask
    return mask
  }
}

/// How far one answer is in its output format.
@Compute
struct StructureCursor {
  private let automaton: StructureAutomaton
  private let tokenizer: Tokenizer
  private var state: Int32

  init(_ automaton: StructureAutomaton, tokenizer: Tokenizer) {
    self.automaton = automaton
    self.tokenizer = tokenizer
    state = automaton.start
  }

  /// Whether nothing may follow.
  var isComplete: Bool { automaton.isFinal(state) }

  func mask(ends: Set<Int32>) -> TokenMask { automaton.mask(state, ends: ends) }

  mutating func advance(_ token: Int32) {
    for byte in tokenizer.bytes(of: token) { state = automaton.step(state, byte) }
  }
}
