/// Reads the regular expressions that a schema's `pattern` may have, as the content of a JSON string.
///
/// Of ECMA-262 those that are regular: characters, `.`, classes, `\d \w \s` and their opposites, groups, `|`, counts,
/// and `^` and `$` at the ends. As a schema has it, an expression without them may match anywhere in the string.
struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private var position = 0
  /// Groups that are open, at most 64.
  private var depth = 0
  private let pattern: String

  private static let mostBytes = 32_768

  /// - Throws: ``ServingError/invalid(parameter:message:)`` naming what it does not know
  static func parse(_ pattern: String) throws -> ByteExpression {
    guard pattern.utf8.count <= mostBytes else {
      throw ServingError.invalid(
        parameter: "response_format",
        message: "a pattern has \(pattern.utf8.count) bytes; \(mostBytes) can be followed")
    }
    var parser = PatternParser(pattern)
    let (isFirst, isLast) = parser.anchors()
    let middle = try parser.alternatives()
    guard parser.position == parser.scalars.count else { throw parser.failure("an unmatched ')'") }
    let anything = ByteExpression.repeated(StringContent.written(.all), least: 0, most: nil)
    return .sequence((isFirst ? [] : [anything]) + [middle] + (isLast ? [] : [anything]))
  }

  private init(_ pattern: String) {
    self.pattern = pattern
    scalars = Array(pattern.unicodeScalars)
  }

  private func failure(_ what: String) -> ServingError {
    .invalid(
      parameter: "response_format",
      message: "the pattern \(pattern.prefix(80)) has \(what), which cannot be followed; write it without")
  }

  /// Takes `^` and `$` off the ends.
  ///
  /// With `|` outside of groups they would belong to single alternatives, which is refused where they are met.
  private mutating func anchors() -> (isFirst: Bool, isLast: Bool) {
    var depth = 0
    var isEscaped = false
    var inClass = false
    var hasAlternatives = false
    for scalar in scalars {
      if isEscaped {
        isEscaped = false
        continue
      }
      switch scalar {
      case "\\": isEscaped = true
      case "[": inClass = true
      case "]": inClass = false
      case "(" where !inClass: depth += 1
      case ")" where !inClass: depth -= 1
      case "|" where !inClass && depth == 0: hasAlternatives = true
      default: break
      }
    }
    guard !hasAlternatives else { return (false, false) }
    let isFirst = scalars.first == "^"
    let slashes = scalars.dropLast().reversed().prefix { $0 == "\\" }.count
    let isLast = scalars.last == "$" && slashes % 2 == 0
    self = PatternParser(pattern, Array(scalars.dropFirst(isFirst ? 1 : 0).dropLast(isLast ? 1 : 0)))
    return (isFirst, isLast)
  }

  private init(_ pattern: String, _ scalars: [Unicode.Scalar]) {
    self.pattern = pattern
    self.scalars = scalars
  }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    position += 1
    return true
  }

  private mutating func alternatives() throws -> ByteExpression {
    var found: [ByteExpression] = []
    repeat {
      var parts: [ByteExpression] = []
      while let scalar = next, scalar != "|", scalar != ")" {
        let part = try counted()
        // Letters in a row are one literal, so that alternatives share their beginnings.
        if case .literal(let more) = part, case .literal(let bytes) = parts.last {
          parts[parts.count - 1] = .literal(bytes + more)
        } else {
          parts.append(part)
        }
      }
      found.append(parts.count == 1 ? parts[0] : .sequence(parts))
    } while take("|")
    return found.count == 1 ? found[0] : .choice(found)
  }

  private mutating func counted() throws -> ByteExpression {
    let atom = try atom()
    guard let scalar = next else { return atom }
    let range: (least: Int, most: Int?)
    switch scalar {
    case "*": range = (0, nil)
    case "+": range = (1, nil)
    case "?": range = (0, 1)
    case "{":
      guard let found = try braces() else { return atom }
      range = found
      position -= 1
    default: return atom
    }
    position += 1
    // Whether it would rather be short or long makes no difference to what it matches.
    _ = take("?")
    if let scalar = next, "*+?".unicodeScalars.contains(scalar) { throw failure("a count of a count") }
    return .repeated(atom, least: range.least, most: range.most)
  }

  private mutating func braces() throws -> (least: Int, most: Int?)? {
    guard let end = scalars[position...].firstIndex(of: "}") else { return nil }
    let text = String(String.UnicodeScalarView(scalars[position + 1..<end]))
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard let first = parts.first, let least = Int(first), parts.count <= 2, least >= 0 else {
      throw failure("the count {\(text)}")
    }
    position = end + 1
    guard parts.count == 2 else { return (least, least) }
    if parts[1].isEmpty { return (least, nil) }
    guard let most = Int(parts[1]), most >= least, most <= 10_000 else {
      throw failure("the count {\(text)}")
    }
    return (least, most)
  }

  private mutating func atom() throws -> ByteExpression {
    guard let scalar = next else { throw failure("an end where a character was expected") }
    position += 1
    switch scalar {
    case ".":
      return StringContent.written(ScalarRanges([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).inverted)
    case "[": return StringContent.written(try characterClass())
    case "(":
      depth += 1
      defer { depth -= 1 }
      guard depth <= 64 else { throw failure("more than 64 groups within one another") }
      if take("?"), !take(":") { throw failure("a group that begins with (?") }
      let inner = try alternatives()
      guard take(")") else { throw failure("a '(' without its ')'") }
      return inner
    case "\\": return StringContent.written(try escape())
    case "*", "+", "?": throw failure("a count of nothing")
    case "^", "$": throw failure("a '\(scalar)' that is not at an end of the whole")
    default: return StringContent.written(ScalarRanges(scalar))
    }
  }

  private static let digits = ScalarRanges([0x30...0x39])
  private static let words = ScalarRanges([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  private static let spaces = ScalarRanges([
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
    0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ])

  private mutating func escape() throws -> ScalarRanges {
    guard let scalar = next else { throw failure("a backslash at its end") }
    position += 1
    switch scalar {
    case "d": return Self.digits
    case "D": return Self.digits.inverted
    case "w": return Self.words
    case "W": return Self.words.inverted
    case "s": return Self.spaces
    case "S": return Self.spaces.inverted
    case "n": return ScalarRanges("\n")
    case "r": return ScalarRanges("\r")
    case "t": return ScalarRanges("\t")
    case "f": return ScalarRanges("\u{0C}")
    case "v": return ScalarRanges("\u{0B}")
    case "x": return try hexadecimal(2)
    case "u": return try hexadecimal(4)
    default:
      if scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) { throw failure("\\\(scalar)") }
      return ScalarRanges(scalar)
    }
  }

  private mutating func hexadecimal(_ digits: Int) throws -> ScalarRanges {
    let text = String(String.UnicodeScalarView(scalars[position...].prefix(digits)))
    guard text.unicodeScalars.count == digits, let value = UInt32(text, radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw failure("an escape that is no character") }
    position += digits
    return ScalarRanges(scalar)
  }

  private mutating func characterClass() throws -> ScalarRanges {
    let isInverted = take("^")
    var found: [ClosedRange<UInt32>] = []
    while !take("]") {
      let first = try classMember()
      guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]",
        let low = first.ranges.first, first.ranges.count == 1, low.count == 1
      else {
        found += first.ranges
        continue
      }
      position += 1
      let last = try classMember()
      guard let high = last.ranges.first, last.ranges.count == 1, high.count == 1,
        low.lowerBound <= high.lowerBound
      else { throw failure("a range of characters that runs backwards") }
      found.append(low.lowerBound...high.lowerBound)
    }
    let set = ScalarRanges(found)
    let result = isInverted ? set.inverted : set
    guard StringContent.canBeWritten(result) else { throw failure("a class that holds no character") }
    return result
  }

  private mutating func classMember() throws -> ScalarRanges {
    guard let scalar = next else { throw failure("a '[' without its ']'") }
    position += 1
    return scalar == "\\" ? (take("b") ? ScalarRanges("\u{08}") : try escape()) : ScalarRanges(scalar)
  }
}
