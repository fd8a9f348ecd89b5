/// The places that rules under way come back to, innermost first.
///
/// Rules that are called at the same point of a text share one: it has a frame for each caller, so that a text that can
/// be read in many ways has no stack for each of them.
final class RuleStack: Sendable, Hashable {
  struct Frame: Sendable {
    /// The closure to go on in.
    let back: Int32
    let below: RuleStack
  }

  let frames: [Frame]
  /// How many rules are under way.
  let depth: Int
  private let hash: Int

  /// Where the text itself ends.
  static let bottom = RuleStack([])

  init(_ frames: [Frame]) {
    self.frames = frames
    depth = (frames.map(\.below.depth).max() ?? -1) + 1
    var hasher = Hasher()
    for frame in frames {
      hasher.combine(frame.back)
      hasher.combine(frame.below.hash)
    }
    hash = hasher.finalize()
  }

  static func == (a: RuleStack, b: RuleStack) -> Bool {
    if a === b { return true }
    guard a.hash == b.hash, a.depth == b.depth, a.frames.count == b.frames.count else { return false }
    return zip(a.frames, b.frames).allSatisfy { $0.back == $1.back && $0.below == $1.below }
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
