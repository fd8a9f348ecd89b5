import Foundation

/// Looks for secrets and personal data by their known forms, in one pass; what was found is never kept.
///
/// It finds what has a form. A name, an address or a password in a sentence has none.
struct SensitiveText {
  let bytes: UnsafeBufferPointer<UInt8>

  /// Tells the kind of each finding, in order.
  func scan(_ found: (SensitiveKind) -> Void) {
    var position = 0
    while position < bytes.count {
      if let match = match(at: position) {
        found(match.kind)
        position = max(position + 1, match.end)
      } else {
        position += 1
      }
    }
  }

  @inline(__always)
  private func match(at position: Int) -> (kind: SensitiveKind, end: Int)? {
    let byte = bytes[position]
    switch byte {
    case UInt8(ascii: "@"): return email(at: position).map { (.emailAddress, $0) }
    case UInt8(ascii: "-"): return privateKey(at: position).map { (.privateKey, $0) }
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "("):
      return startsWord(position) ? number(at: position) : nil
    case _ where byte.isASCIILetter:
      guard startsWord(position) else { return nil }
      return token(at: position) ?? iban(at: position).map { (.iban, $0) }
        ?? assignment(at: position).map { (.assignedSecret, $0) }
    default: return nil
    }
  }

  /// Whether nothing that belongs to a word stands before.
  func startsWord(_ position: Int) -> Bool { position == 0 || !bytes[position - 1].isWordByte }

  func hasPrefix(_ prefix: StaticString, at position: Int) -> Bool {
    let count = prefix.utf8CodeUnitCount
    guard position + count <= bytes.count else { return false }
    let start = prefix.utf8Start
    for place in 0..<count where start[place] != bytes[position + place] { return false }
    return true
  }

  /// Where the run of bytes that `holds` is true of ends, at most `limit` bytes on.
  @inline(__always)
  func end(of position: Int, limit: Int, _ holds: (UInt8) -> Bool) -> Int {
    let last = min(bytes.count, position + limit)
    var end = position
    while end < last, holds(bytes[end]) { end += 1 }
    return end
  }

  /// Shannon's entropy of bytes in bits for each: 0 for `aaaa`, near 4 for random hexadecimal digits.
  func entropy(_ range: Range<Int>) -> Double {
    var counts = [Int](repeating: 0, count: 256)
    for position in range { counts[Int(bytes[position])] += 1 }
    let total = Double(range.count)
    return counts.reduce(0) { sum, count in
      count == 0 ? sum : sum - Double(count) / total * log2(Double(count) / total)
    }
  }
}

extension UInt8 {
  var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
  var isASCIILetter: Bool { (0x61...0x7a).contains(self | 0x20) }
  var isASCIIUppercase: Bool { (0x41...0x5a).contains(self) }
  var isASCIIAlphanumeric: Bool { isASCIIDigit || isASCIILetter }
  var isWordByte: Bool { isASCIIAlphanumeric || self == 0x5f || self >= 0x80 }
  /// Of base64 as URLs bear it (RFC 4648, section 5).
  var isBase64URL: Bool { isASCIIAlphanumeric || self == 0x5f || self == 0x2d }
}
