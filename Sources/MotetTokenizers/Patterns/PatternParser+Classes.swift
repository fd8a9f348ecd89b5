extension PatternParser {
  /// What follows a backslash outside of brackets. `literal` becomes the character when it is one.
  mutating func escape(literal: inout Unicode.Scalar?) throws -> PatternNode {
    let scalar = try next("a character after '\\'")
    switch scalar {
    case "A": return .assertion(.textStart)
    case "z": return .assertion(.textEnd)
    case "Z": return .assertion(.textEndOrLastNewline)
    case "b": return .assertion(.wordBoundary)
    case "B": return .assertion(.noWordBoundary)
    case "R":
      let breaks = ScalarSet([0x0A...0x0D, 0x85...0x85, 0x2028...0x2029])
      return .atomic(.alternation([.sequence([Self.character(0x0D), Self.character(0x0A)]), .set(breaks)]))
    case "N": return .set(ScalarSet([0x0A...0x0A]).complement)
    case "O": return .set(.all)
    case "1"..."7" where peek().map { ("0"..."7").contains($0) } == true:
      position -= 1
      let value = try digits(atMost: 3, radix: 8) ?? 0
      return .set(folded(ScalarSet([value...value])))
    case "K", "G", "X", "y", "Y", "k", "g", "1"..."9":
      throw failure("'\\\(scalar)' is not supported")
    default:
      // Outside of brackets Oniguruma leaves a property as it is when case does not count.
      if let set = try shorthand(scalar, inBrackets: false) { return .set(set) }
      let value = try escapedScalar(scalar)
      literal = Unicode.Scalar(value)
      return .set(folded(ScalarSet([value...value])))
    }
  }

  private static func character(_ value: UInt32) -> PatternNode { .set(ScalarSet([value...value])) }

  /// The set that `\d`, `\p{…}` and the like stand for, in brackets and outside; nil for another escape.
  private mutating func shorthand(_ scalar: Unicode.Scalar, inBrackets: Bool) throws -> ScalarSet? {
    let word = inBrackets ? PatternProperties.word : PatternProperties.wordOperator
    switch scalar {
    case "d": return PatternProperties.digits
    case "D": return PatternProperties.digits.complement
    case "w": return word
    case "W": return word.complement
    case "s": return WhiteSpace.set
    case "S": return WhiteSpace.set.complement
    case "h": return PatternProperties.hexadecimal
    case "H": return PatternProperties.hexadecimal.complement
    case "p", "P":
      guard take("{") else { throw failure("'\\\(scalar)' is not followed by '{'") }
      var isNegated = scalar == "P"
      if take("^") { isNegated.toggle() }
      var name = ""
      while true {
        let scalar = try next("'}' after a property's name")
        if scalar == "}" { break }
        name.unicodeScalars.append(scalar)
      }
      guard let set = name.lowercased() == "word" ? word : property(name) else {
        throw failure("the property '\\p{\(name)}' is not known")
      }
      return isNegated ? set.complement : set
    default: return nil
    }
  }

  /// The one character that an escape stands for.
  private mutating func escapedScalar(_ scalar: Unicode.Scalar) throws -> UInt32 {
    switch scalar {
    case "t": return 0x09
    case "n": return 0x0A
    case "v": return 0x0B
    case "f": return 0x0C
    case "r": return 0x0D
    case "a": return 0x07
    case "e": return 0x1B
    case "0": return try digits(atMost: 2, radix: 8) ?? 0
    case "x":
      guard take("{") else { return try digits(atMost: 2, radix: 16) ?? 0 }
      let value = try digits(atMost: 8, radix: 16)
      guard let value, take("}") else { throw failure("'\\x{' is not followed by a number and '}'") }
      return value
    case "u":
      guard let value = try digits(atMost: 4, radix: 16) else {
        throw failure("'\\u' is not followed by hexadecimal digits")
      }
      return value
    case "c", "C", "M": throw failure("'\\\(scalar)' is not supported")
    default: return scalar.value
    }
  }

  private mutating func digits(atMost count: Int, radix: UInt32) throws -> UInt32? {
    var value: UInt32?
    for _ in 0..<count {
      guard let scalar = peek(), scalar.isASCII, let digit = Character(scalar).hexDigitValue, digit < radix
      else { break }
      position += 1
      value = (value ?? 0) &* radix &+ UInt32(digit)
    }
    guard let value else { return nil }
    guard Unicode.Scalar(value) != nil else {
      throw failure("U+\(String(value, radix: 16, uppercase: true)) is not a character")
    }
    return value
  }

  // MARK: - Brackets

  /// A class from after its `[` to its `]`: `[^\s\p{L}]`, `[a-z&&[^aeiou]]`, `[[:alpha:]_]`.
  mutating func characterClass(depth: Int = 0) throws -> ScalarSet {
    guard depth < Self.maximumDepth else { throw failure("it nests more than \(Self.maximumDepth) brackets") }
    let isNegated = take("^")
    var whole: ScalarSet?
    var part = ScalarSet()
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    while true {
      if peek() == "]", !isFirst || !hasLaterBracket {
        position += 1
        break
      }
      isFirst = false
      if take("&&") {
        let left = part.union(ScalarSet(ranges))
        whole = whole.map { $0.intersection(left) } ?? left
        (part, ranges) = (ScalarSet(), [])
        continue
      }
      switch try classMember(depth: depth) {
      case .set(let set): part = part.union(set)
      case .scalar(let low):
        guard peek() == "-", let after = peek(1), after != "]" else {
          ranges.append(low...low)
          continue
        }
        position += 1
        let mark = position
        guard case .scalar(let high) = try classMember(depth: depth) else {
          // `[a-\d]`: the hyphen stands for itself.
          position = mark
          ranges += [low...low, 0x2D...0x2D]
          continue
        }
        guard low <= high else { throw failure("a range in brackets is the wrong way round") }
        ranges.append(low...high)
      }
    }
    let last = part.union(ScalarSet(ranges))
    let set = whole.map { $0.intersection(last) } ?? last
    return isNegated ? set.complement : set
  }

  /// Whether another `]` follows the one that comes next: if so, the one right after `[` stands for itself.
  private var hasLaterBracket: Bool {
    var offset = 1
    while let scalar = peek(offset) {
      if scalar == "]" { return true }
      offset += scalar == "\\" ? 2 : 1
    }
    return false
  }

  private enum ClassMember {
    case scalar(UInt32)
    case set(ScalarSet)
  }

  private mutating func classMember(depth: Int) throws -> ClassMember {
    let scalar = try next("']'")
    switch scalar {
    case "[":
      if take(":") {
        if let set = try posixBracket() { return .set(set) }
        position -= 1
      }
      return .set(try characterClass(depth: depth + 1))
    case "\\":
      let escaped = try next("a character after '\\'")
      if let set = try shorthand(escaped, inBrackets: true) { return .set(set) }
      switch escaped {
      case "b": return .scalar(0x08)
      case "R", "X", "N", "O": throw failure("'\\\(escaped)' in brackets is not supported")
      case "1"..."7":
        position -= 1
        return .scalar(try digits(atMost: 3, radix: 8) ?? 0)
      default: return .scalar(try escapedScalar(escaped))
      }
    default: return .scalar(scalar.value)
    }
  }

  /// `[:alpha:]` from after its colon; nil, and nothing taken, for a bracket that only looks like one.
  private mutating func posixBracket() throws -> ScalarSet? {
    let start = position
    let isNegated = take("^")
    var name = ""
    while let scalar = peek(), scalar.properties.isAlphabetic, scalar.isASCII {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard take(":]"), let set = PatternProperties.bracketed(name) else {
      position = start
      return nil
    }
    return isNegated ? set.complement : set
  }
}
