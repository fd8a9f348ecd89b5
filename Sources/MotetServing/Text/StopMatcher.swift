/// Finds the first of many texts in one that comes piece by piece (Aho and Corasick 1975).
///
/// A step takes the same time for one stop string and for ten thousand. The machine's state is the longest end of what
/// came that begins a stop string: just what has to be held back.
final class StopMatcher: Sendable {
  /// By state and byte: where the trie goes on.
  private let edges: [UInt64: Int32]
  /// The state of the longest proper end of this one's text that is in the trie.
  private let failures: [Int32]
  private let depths: [Int32]
  /// The length of the longest stop string that ends here; 0 for none.
  private let ends: [Int32]

  /// All stop strings together, in bytes.
  static let maximumBytes = 1 << 20

  /// - Throws: ``ServingError/invalid(parameter:message:)`` for an empty string, or too many bytes
  init(_ texts: [String]) throws {
    var edges: [UInt64: Int32] = [:]
    var depths: [Int32] = [0]
    var ends: [Int32] = [0]
    var parents: [(state: Int32, byte: UInt8)] = [(0, 0)]
    var bytes = 0
    for text in texts {
      guard !text.isEmpty else {
        throw ServingError.invalid(parameter: "stop", message: "a stop string is empty; leave it out")
      }
      bytes += text.utf8.count
      guard bytes <= Self.maximumBytes else {
        throw ServingError.invalid(
          parameter: "stop", message: "the stop strings have more than \(Self.maximumBytes) bytes; give fewer"
        )
      }
      var state: Int32 = 0
      for byte in text.utf8 {
        let key = Self.key(state, byte)
        if let next = edges[key] {
          state = next
        } else {
          let next = Int32(depths.count)
          edges[key] = next
          depths.append(depths[Int(state)] + 1)
          ends.append(0)
          parents.append((state, byte))
          state = next
        }
      }
      ends[Int(state)] = depths[Int(state)]
    }
    var failures = [Int32](repeating: 0, count: depths.count)
    // Shorter texts first: a state's failure is shorter than it.
    for state in depths.indices.sorted(by: { depths[$0] < depths[$1] }) where depths[state] > 1 {
      let (parent, byte) = parents[state]
      failures[state] = Self.step(failures[Int(parent)], byte, edges, failures)
      ends[state] = max(ends[state], ends[Int(failures[state])])
    }
    self.edges = edges
    self.failures = failures
    self.depths = depths
    self.ends = ends
  }

  private static func key(_ state: Int32, _ byte: UInt8) -> UInt64 { UInt64(state) << 8 | UInt64(byte) }

  private static func step(
    _ state: Int32, _ byte: UInt8, _ edges: [UInt64: Int32], _ failures: [Int32]
  ) -> Int32 {
    var state = state
    while true {
      if let next = edges[key(state, byte)] { return next }
      if state == 0 { return 0 }
      state = failures[Int(state)]
    }
  }

  func next(_ state: Int32, _ byte: UInt8) -> Int32 { Self.step(state, byte, edges, failures) }

  /// How many bytes at the end of what came may begin a stop string.
  func held(_ state: Int32) -> Int { Int(depths[Int(state)]) }

  /// The length of the longest stop string that just ended; 0 for none.
  func matched(_ state: Int32) -> Int { Int(ends[Int(state)]) }
}
