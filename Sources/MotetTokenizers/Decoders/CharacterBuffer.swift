/// Turns bytes into text as they come; a character whose bytes are not all there waits.
struct CharacterBuffer: Sendable {
  /// The start of a character that is not yet whole: at most 3 bytes between calls.
  private var held: [UInt8] = []

  var isHolding: Bool { !held.isEmpty }

  /// The text that `bytes` complete. Invalid bytes become U+FFFD, one for each maximal invalid part (Unicode standard,
  /// section 3.9).
  mutating func append(_ bytes: some Sequence<UInt8>) -> String {
    held.append(contentsOf: bytes)
    let whole = held.count - Self.unfinishedTail(of: held)
    defer { held.removeFirst(whole) }
    return String(decoding: held[..<whole], as: UTF8.self)
  }

  /// What is left at the end: nothing, or U+FFFD for a character that was never finished.
  mutating func finish() -> String {
    defer { held.removeAll() }
    return String(decoding: held, as: UTF8.self)
  }

  /// How many bytes at the end may be the start of a character whose rest is still to come.
  private static func unfinishedTail(of bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let lead = bytes[bytes.count - length]
      let needed: Int
      switch lead {
      case 0x80...0xBF: continue
      case 0xC2...0xDF: needed = 2
      case 0xE0...0xEF: needed = 3
      case 0xF0...0xF4: needed = 4
      default: return 0
      }
      return length < needed && (length == 1 || allows(lead, second: bytes[bytes.count - length + 1]))
        ? length : 0
    }
    return 0
  }

  /// Whether a valid character may start with these two bytes (Unicode standard, table 3-7).
  private static func allows(_ lead: UInt8, second: UInt8) -> Bool {
    switch lead {
    case 0xE0: second >= 0xA0
    case 0xED: second < 0xA0
    case 0xF0: second >= 0x90
    case 0xF4: second < 0x90
    default: true
    }
  }
}
