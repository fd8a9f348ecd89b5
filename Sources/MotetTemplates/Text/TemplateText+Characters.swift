/// Code points, by which Python counts and cuts strings.
extension TemplateText {
  /// The number of code points.
  var count: Int {
    var count = 0
    for byte in bytes where byte & 0xC0 != 0x80 { count += 1 }
    return count
  }

  /// The code point that starts at the byte `position`, and the byte after it.
  func scalar(at position: Int) -> (scalar: Unicode.Scalar, end: Int) {
    let lead = bytes[position]
    let length = Self.length(lead)
    let end = min(position + length, bytes.count)
    if length == 1 { return (Unicode.Scalar(lead), end) }
    var value = UInt32(lead) & (0x7F >> UInt32(length))
    for index in (position + 1)..<end { value = value << 6 | UInt32(bytes[index] & 0x3F) }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", end)
  }

  /// The code point that ends before the byte `position`, and the byte at which it starts.
  func scalar(before position: Int) -> (scalar: Unicode.Scalar, start: Int) {
    var start = position - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return (scalar(at: start).scalar, start)
  }

  /// The byte at which the code point number `index` starts; the end for numbers past the last.
  func offset(of index: Int) -> Int {
    var left = index
    var position = 0
    while left > 0, position < bytes.count {
      position += Self.length(bytes[position])
      left -= 1
    }
    return min(position, bytes.count)
  }

  /// Calls `body` with each code point and its bytes, in order.
  func forEachScalar(_ body: (Unicode.Scalar, Range<Int>) throws -> Void) rethrows {
    var position = 0
    while position < bytes.count {
      let (scalar, end) = scalar(at: position)
      try body(scalar, position..<end)
      position = end
    }
  }

  /// A text of each code point.
  var characters: [TemplateText] {
    var parts: [TemplateText] = []
    forEachScalar { parts.append(self[$1]) }
    return parts
  }

  /// Every code point replaced by what `body` makes of it; the origins stay.
  func mapScalars(_ body: (Unicode.Scalar, Range<Int>) -> String) -> TemplateText {
    var result = TemplateText()
    result.isSafe = isSafe
    forEachScalar { result.append(body($0, $1), mark(at: $1.lowerBound)) }
    return result
  }

  private static func length(_ lead: UInt8) -> Int {
    switch lead {
    case 0..<0xC0: 1
    case 0xC0..<0xE0: 2
    case 0xE0..<0xF0: 3
    default: 4
    }
  }
}
