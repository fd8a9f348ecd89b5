/// The ways to cut a text into words that a scanner of their own knows, which is several times as fast as the general steps.
public enum Splitting: String, Sendable, CaseIterable {
  /// GPT-2's pattern:
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
  case gpt2
  /// Every digit (any Unicode number) by itself, then GPT-2's pattern on what lies between: SmolLM,
  /// StarCoder.
  case smollm
}

/// Cuts UTF-8 text into words by a hand-written reading of the patterns of ``Splitting``.
///
/// Every word boundary is decided by at most one character of look-ahead, so the scan is linear.
struct WordScanner {
  /// Valid UTF-8.
  let text: UnsafeBufferPointer<UInt8>
  let classes: UnsafeBufferPointer<UInt8>
  let splitting: Splitting

  /// Calls `body` with the byte range of each word of `range`, in order; together they cover it.
  @inline(__always)
  func forEachWord(in range: Range<Int>, _ body: (Range<Int>) -> Void) {
    switch splitting {
    case .gpt2:
      forEachGPT2Word(in: range, body)
    case .smollm:
      var start = range.lowerBound
      var position = start
      while position < range.upperBound {
        let (flags, next) = character(at: position)
        if flags & CharacterClass.digitFlag != 0 {
          forEachGPT2Word(in: start..<position, body)
          body(position..<next)
          start = next
        }
        position = next
      }
      forEachGPT2Word(in: start..<range.upperBound, body)
    }
  }

  private func forEachGPT2Word(in range: Range<Int>, _ body: (Range<Int>) -> Void) {
    var position = range.lowerBound
    while position < range.upperBound {
      let end = endOfGPT2Word(from: position, before: range.upperBound)
      body(position..<end)
      position = end
    }
  }

  private func endOfGPT2Word(from start: Int, before limit: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let end = endOfContraction(from: start, before: limit) {
      return end
    }
    var (kind, position) = kind(at: start)
    if kind == .space {
      if text[start] == UInt8(ascii: " "), position < limit {
        let next = self.kind(at: position)
        if next.kind != .space {
          return endOfRun(of: next.kind, from: next.end, before: limit)
        }
      }
      // `\s+(?!\S)`: a run of white space leaves its last character to the word after it, if there is one.
      var last = start
      while position < limit {
        let next = self.kind(at: position)
        guard next.kind == .space else { return last == start ? position : last }
        last = position
        position = next.end
      }
      return limit
    }
    return endOfRun(of: kind, from: position, before: limit)
  }

  private func endOfRun(of kind: CharacterClass, from start: Int, before limit: Int) -> Int {
    var position = start
    while position < limit {
      let next = self.kind(at: position)
      guard next.kind == kind else { break }
      position = next.end
    }
    return position
  }

  /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at `start`.
  private func endOfContraction(from start: Int, before limit: Int) -> Int? {
    guard start + 1 < limit else { return nil }
    let second = start + 2 < limit ? text[start + 2] : 0
    switch text[start + 1] {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r") where second == UInt8(ascii: "e"): return start + 3
    case UInt8(ascii: "v") where second == UInt8(ascii: "e"): return start + 3
    case UInt8(ascii: "l") where second == UInt8(ascii: "l"): return start + 3
    default: return nil
    }
  }

  @inline(__always)
  private func kind(at position: Int) -> (kind: CharacterClass, end: Int) {
    let (flags, end) = character(at: position)
    return (CharacterClass(rawValue: flags & ~CharacterClass.digitFlag), end)
  }

  /// Class and digit flag of the character that starts at `position`, and where the next one starts.
  @inline(__always)
  private func character(at position: Int) -> (flags: UInt8, end: Int) {
    let (value, end) = text.scalar(at: position)
    return (value < classes.count ? classes[Int(value)] : CharacterClass.classify(value), end)
  }
}
