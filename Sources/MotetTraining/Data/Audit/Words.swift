/// The words of a text as hashes of their lower-case letters: runs of letters and digits, and each ideograph, kana
/// or Thai letter by itself, since those scripts put no spaces between words.
struct Words {
  let bytes: UnsafeBufferPointer<UInt8>

  /// - Parameter body: given each word's hash, and whether it has a letter
  @inline(__always)
  func visit(_ body: (UInt64, Bool) -> Void) {
    var hash = Self.empty
    var hasLetter = false
    func end() {
      if hash != Self.empty { body(mixed(hash), hasLetter) }
      hash = Self.empty
      hasLetter = false
    }
    visitScalars { scalar in
      switch scalar {
      case 0x30...0x39: hash = Self.fold(hash, scalar)
      case 0x61...0x7a:
        hash = Self.fold(hash, scalar)
        hasLetter = true
      case 0x41...0x5a:
        hash = Self.fold(hash, scalar | 0x20)
        hasLetter = true
      case 0..<0xaa: end()
      default:
        switch Script(scalar) {
        case nil: end()
        case .han, .kana, .thai:
          end()
          hash = Self.fold(hash, scalar)
          hasLetter = true
          end()
        default:
          hash = Self.fold(hash, lowercased(scalar))
          hasLetter = true
        }
      }
    }
    end()
  }

  /// The Unicode scalars of the text; bytes that are no UTF-8 are passed over.
  @inline(__always)
  func visitScalars(_ body: (UInt32) -> Void) {
    var position = 0
    while position < bytes.count {
      let first = UInt32(bytes[position])
      let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
      guard length > 1 else {
        body(first)
        position += 1
        continue
      }
      guard first >= 0xc0, position + length <= bytes.count else {
        position += 1
        continue
      }
      var scalar = first & (0x7f >> UInt32(length))
      for next in 1..<length { scalar = scalar << 6 | UInt32(bytes[position + next] & 0x3f) }
      body(scalar)
      position += length
    }
  }

  /// The hash that ``visit(_:)`` gives of a single word.
  static func hash(_ word: String) -> UInt64 {
    var word = word
    var result: UInt64 = 0
    word.withUTF8 { Words(bytes: $0).visit { hash, _ in result = hash } }
    return result
  }

  private static let empty: UInt64 = 0xcbf2_9ce4_8422_2325

  @inline(__always)
  private static func fold(_ hash: UInt64, _ scalar: UInt32) -> UInt64 {
    (hash ^ UInt64(scalar)) &* 0x100_0000_01b3
  }
}

/// The lower-case form of a letter beyond ASCII, for the alphabets told apart here.
private func lowercased(_ scalar: UInt32) -> UInt32 {
  switch scalar {
  case 0xc0...0xde where scalar != 0xd7: scalar + 0x20
  case 0x130: 0x69
  case 0x100...0x137, 0x14a...0x177, 0x1ea0...0x1ef9: scalar | 1
  case 0x139...0x148, 0x179...0x17e: scalar + (scalar & 1)
  case 0x178: 0xff
  case 0x1a0, 0x1af: scalar + 1
  case 0x218...0x21b: scalar | 1
  case 0x391...0x3a9: scalar + 0x20
  case 0x400...0x40f: scalar + 0x50
  case 0x410...0x42f: scalar + 0x20
  case 0x490: 0x491
  default: scalar
  }
}
