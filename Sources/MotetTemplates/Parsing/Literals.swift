/// Reads a number as Python writes it.
struct NumberLiteral {
  private let source: [UInt8]
  private(set) var position: Int

  init(_ source: [UInt8], at position: Int) {
    self.source = source
    self.position = position
  }

  /// - Parameter isAfterDot: whether a dot stands before it, so that it has no fraction: `list.0.1`
  mutating func read(isAfterDot: Bool, at place: TemplatePlace) throws -> Token.Kind {
    let start = position
    if source[start] == UInt8(ascii: "0"), let base = base(at: start + 1) {
      position = digitsEnd(from: start + 2, base: base, allowsLeadingUnderscore: true)
      if position > start + 2 { return try integer(start + 2, base: base, at: place) }
    }
    position = digitsEnd(from: start, base: 10)
    if !isAfterDot {
      var end = position
      if byte(end) == UInt8(ascii: ".") {
        let fraction = digitsEnd(from: end + 1, base: 10)
        if fraction > end + 1 { end = fraction }
      }
      if let exponent = exponentEnd(from: end) { end = exponent }
      if end > position {
        position = end
        let text = text(from: start)
        guard let value = Double(text) else {
          throw TemplateError.syntax(place, problem: "\(text) is not a number")
        }
        return .float(value)
      }
    }
    // Python has no number that begins with a zero and goes on with other digits.
    if source[start] == UInt8(ascii: "0") {
      var end = start + 1
      while let byte = byte(end), byte == UInt8(ascii: "0") || byte == UInt8(ascii: "_") { end += 1 }
      position = min(position, end)
    }
    return try integer(start, base: 10, at: place)
  }

  private func integer(_ start: Int, base: Int, at place: TemplatePlace) throws -> Token.Kind {
    guard let value = Int(text(from: start), radix: base) else {
      throw TemplateError.syntax(place, problem: "\(text(from: start)) is too large: integers have 64 bits")
    }
    return .integer(value)
  }

  private func text(from start: Int) -> String {
    String(decoding: source[start..<position].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
  }

  private func byte(_ position: Int) -> UInt8? { position < source.count ? source[position] : nil }

  private func base(at position: Int) -> Int? {
    switch byte(position) {
    case UInt8(ascii: "x"), UInt8(ascii: "X"): 16
    case UInt8(ascii: "o"), UInt8(ascii: "O"): 8
    case UInt8(ascii: "b"), UInt8(ascii: "B"): 2
    default: nil
    }
  }

  /// The end of digits with single underscores between them.
  private func digitsEnd(from start: Int, base: Int, allowsLeadingUnderscore: Bool = false) -> Int {
    func isDigit(_ position: Int) -> Bool {
      guard let byte = byte(position), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        return false
      }
      return digit < base
    }
    var end = start
    while true {
      if isDigit(end) {
        end += 1
      } else if byte(end) == UInt8(ascii: "_"), isDigit(end + 1), end > start || allowsLeadingUnderscore {
        end += 2
      } else {
        return end
      }
    }
  }

  private func exponentEnd(from start: Int) -> Int? {
    guard byte(start) == UInt8(ascii: "e") || byte(start) == UInt8(ascii: "E") else { return nil }
    var digits = start + 1
    if byte(digits) == UInt8(ascii: "+") || byte(digits) == UInt8(ascii: "-") { digits += 1 }
    let end = digitsEnd(from: digits, base: 10)
    return end > digits ? end : nil
  }
}

/// Reads a string in quotes, with Python's escapes.
struct StringLiteral {
  private let source: [UInt8]
  private(set) var position: Int

  init(_ source: [UInt8], at position: Int) {
    self.source = source
    self.position = position
  }

  mutating func read(at place: TemplatePlace) throws -> String {
    let quote = source[position]
    position += 1
    var bytes: [UInt8] = []
    while position < source.count {
      let byte = source[position]
      position += 1
      if byte == quote { return String(decoding: bytes, as: UTF8.self) }
      if byte == UInt8(ascii: "\\") { try takeEscape(into: &bytes, at: place) } else { bytes.append(byte) }
    }
    throw TemplateError.syntax(place, problem: "the string does not end")
  }

  private mutating func takeEscape(into bytes: inout [UInt8], at place: TemplatePlace) throws {
    guard position < source.count else {
      throw TemplateError.syntax(place, problem: "the string does not end")
    }
    let byte = source[position]
    position += 1
    switch byte {
    case 0x0A: break
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): bytes.append(byte)
    case UInt8(ascii: "a"): bytes.append(0x07)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "v"): bytes.append(0x0B)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "x"): try takeScalar(digits: 2, base: 16, exactly: true, into: &bytes, at: place)
    case UInt8(ascii: "u"): try takeScalar(digits: 4, base: 16, exactly: true, into: &bytes, at: place)
    case UInt8(ascii: "U"): try takeScalar(digits: 8, base: 16, exactly: true, into: &bytes, at: place)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      position -= 1
      try takeScalar(digits: 3, base: 8, exactly: false, into: &bytes, at: place)
    case UInt8(ascii: "N"): throw TemplateError.unsupported(place, what: "the escape '\\N'")
    // Python keeps a backslash that escapes nothing.
    default: bytes += [UInt8(ascii: "\\"), byte]
    }
  }

  private mutating func takeScalar(
    digits: Int, base: UInt32, exactly: Bool, into bytes: inout [UInt8], at place: TemplatePlace
  ) throws {
    var (value, count): (UInt32, Int) = (0, 0)
    while count < digits, position < source.count,
      let digit = Character(Unicode.Scalar(source[position])).hexDigitValue, digit < base
    {
      value = value &* base &+ UInt32(digit)
      position += 1
      count += 1
    }
    guard !exactly || count == digits, let scalar = Unicode.Scalar(value) else {
      throw TemplateError.syntax(place, problem: "a string holds an escape that is not a character")
    }
    bytes.append(contentsOf: String(scalar).utf8)
  }
}
