/// A key, as bytes from a terminal tell it.
enum Key: Equatable {
  /// A character or a part of one, as it was typed.
  case text(Unicode.Scalar)
  /// What the terminal marked as pasted, whole; line breaks are `\n`.
  case paste(String)
  case enter, newline
  case backspace, delete, deleteWord, deleteToStart, deleteToEnd
  case left, right, home, end, up, down
  case interrupt, endOfInput, suspend, redraw
}

/// Turns a terminal's bytes into keys: UTF-8, the escape sequences of editing keys, and bracketed pastes.
///
/// Bytes may be cut anywhere: what is not whole waits for the rest.
struct KeyDecoder {
  private enum State: Equatable {
    case plain
    /// After ESC.
    case escape
    /// After `ESC [`, with the parameters so far.
    case sequence([UInt8])
    /// After `ESC O`.
    case application
    case paste
  }

  static let pasteEnd = Array("\u{1b}[201~".utf8)

  private var state = State.plain
  /// The bytes of a character that is not whole yet.
  private var partial: [UInt8] = []
  private var pasted: [UInt8] = []

  /// Whether a paste is under way: keys come when it is whole.
  var isPasting: Bool { state == .paste }

  /// Whether ESC stands alone, which no key of ours begins with: after a pause it is forgotten.
  var isAtEscape: Bool { state == .escape }

  mutating func forgetEscape() { if state == .escape { state = .plain } }

  /// - Returns: the key that the byte completes; nil when more is to come, or the key means nothing here
  mutating func take(_ byte: UInt8) -> Key? {
    switch state {
    case .plain: return plain(byte)
    case .escape: return afterEscape(byte)
    case .sequence(let parameters): return sequence(parameters, byte)
    case .application:
      state = .plain
      return Self.arrow(byte)
    case .paste: return paste(byte)
    }
  }

  private mutating func plain(_ byte: UInt8) -> Key? {
    if !partial.isEmpty || byte >= 0x80 { return character(byte) }
    switch byte {
    case 0x01: return .home
    case 0x02: return .left
    case 0x03: return .interrupt
    case 0x04: return .endOfInput
    case 0x05: return .end
    case 0x06: return .right
    case 0x08, 0x7f: return .backspace
    case 0x0a, 0x0d: return .enter
    case 0x0b: return .deleteToEnd
    case 0x0c: return .redraw
    case 0x0e: return .down
    case 0x10: return .up
    case 0x15: return .deleteToStart
    case 0x17: return .deleteWord
    case 0x1a: return .suspend
    case 0x1b:
      state = .escape
      return nil
    case 0x09, 0x20...: return .text(Unicode.Scalar(byte))
    default: return nil
    }
  }

  /// A byte of a character beyond ASCII. What is not UTF-8 becomes U+FFFD, one for each stray byte.
  private mutating func character(_ byte: UInt8) -> Key? {
    if byte & 0xc0 != 0x80, !partial.isEmpty {
      // The character before was cut: the byte begins another one.
      partial = []
      return plain(byte)
    }
    partial.append(byte)
    let needed = Self.length(of: partial[0])
    if partial.count < needed { return nil }
    defer { partial = [] }
    let text = String(decoding: partial, as: UTF8.self)
    return text.unicodeScalars.first.map { .text($0) }
  }

  private static func length(of first: UInt8) -> Int {
    switch first {
    case 0xc2...0xdf: 2
    case 0xe0...0xef: 3
    case 0xf0...0xf4: 4
    default: 1
    }
  }

  private mutating func afterEscape(_ byte: UInt8) -> Key? {
    state = .plain
    switch byte {
    case UInt8(ascii: "["): state = .sequence([])
    case UInt8(ascii: "O"): state = .application
    // Alt and Enter.
    case 0x0a, 0x0d: return .newline
    case 0x7f: return .deleteWord
    case 0x1b: state = .escape
    default: break
    }
    return nil
  }

  private mutating func sequence(_ parameters: [UInt8], _ byte: UInt8) -> Key? {
    // Parameters and intermediate bytes; the final byte is within @ to ~ (ECMA-48, 5.4).
    if (0x20...0x3f).contains(byte), parameters.count < 32 {
      state = .sequence(parameters + [byte])
      return nil
    }
    state = .plain
    guard byte == UInt8(ascii: "~") else { return Self.arrow(byte) }
    switch String(decoding: parameters, as: UTF8.self).prefix(while: { $0 != ";" }) {
    case "1", "7": return .home
    case "3": return .delete
    case "4", "8": return .end
    case "200":
      state = .paste
      return nil
    default: return nil
    }
  }

  private static func arrow(_ byte: UInt8) -> Key? {
    switch byte {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): .right
    case UInt8(ascii: "D"): .left
    case UInt8(ascii: "F"): .end
    case UInt8(ascii: "H"): .home
    default: nil
    }
  }

  private mutating func paste(_ byte: UInt8) -> Key? {
    pasted.append(byte)
    guard byte == UInt8(ascii: "~"), pasted.suffix(Self.pasteEnd.count).elementsEqual(Self.pasteEnd) else {
      return nil
    }
    state = .plain
    defer { pasted = [] }
    // Terminals send a carriage return for a line break.
    let text = String(decoding: pasted.dropLast(Self.pasteEnd.count), as: UTF8.self)
    return .paste(text.replacing("\r\n", with: "\n").replacing("\r", with: "\n"))
  }
}
