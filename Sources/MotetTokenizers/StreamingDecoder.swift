/// Turns token ids into text one at a time, for printing while a model generates.
///
///     var decoder = StreamingDecoder(tokenizer)
///     for id in ids { print(decoder.append(id), terminator: "") }
///     print(decoder.finish())
///
/// A character whose bytes are spread over several tokens is held back until it is whole; all that is
/// returned, `finish()` included, put end to end is what ``Tokenizer/decode(_:skippingSpecialTokens:)`` gives
/// for all the ids.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skippingSpecialTokens: Bool
  /// The start of a character that is not yet whole: at most 3 bytes between calls.
  private var held: [UInt8] = []

  public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = false) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
  }

  /// Whether a character began that is not yet whole.
  package var isHolding: Bool { !held.isEmpty }

  /// The text that `id` completes; empty when it only adds part of a character.
  public mutating func append(_ id: Int32) -> String {
    if skippingSpecialTokens, tokenizer.isSpecial(id) { return "" }
    held.append(contentsOf: tokenizer.bytes(of: id))
    let whole = held.count - Self.unfinishedTail(of: held)
    defer { held.removeFirst(whole) }
    return String(decoding: held[..<whole], as: UTF8.self)
  }

  /// What is left at the end: nothing, or U+FFFD for a character that was never finished.
  public mutating func finish() -> String {
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
