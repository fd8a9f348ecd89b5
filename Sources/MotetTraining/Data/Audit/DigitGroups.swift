/// Digits as they are written in numbers that name something: groups with a space, a hyphen, a point or brackets
/// between them.
struct DigitGroups {
  private struct Group {
    var digits: [UInt8]
    let end: Int
    /// What stands before it.
    let separator: UInt8?
  }

  private var groups: [Group] = []
  private let hasPlus: Bool
  private let hasBracket: Bool

  /// The groups that begin at `position`, as many as 32 bytes hold; nil when there are none.
  init?(_ bytes: UnsafeBufferPointer<UInt8>, from position: Int) {
    var place = position
    hasPlus = bytes[place] == UInt8(ascii: "+")
    if hasPlus { place += 1 }
    hasBracket = place < bytes.count && bytes[place] == UInt8(ascii: "(")
    if hasBracket { place += 1 }
    var isInBracket = hasBracket
    var separator: UInt8?
    while place < min(bytes.count, position + 32), bytes[place].isASCIIDigit {
      var digits: [UInt8] = []
      while place < bytes.count, bytes[place].isASCIIDigit, digits.count < 20 {
        digits.append(bytes[place] - 0x30)
        place += 1
      }
      groups.append(Group(digits: digits, end: place, separator: separator))
      if isInBracket {
        guard place < bytes.count, bytes[place] == UInt8(ascii: ")") else { return nil }
        isInBracket = false
        place += 1
        separator = UInt8(ascii: ")")
        if place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x2d { place += 1 }
      } else {
        guard place < bytes.count, [0x20, 0x2d, 0x2e].contains(bytes[place]) else { break }
        separator = bytes[place]
        place += 1
        if place < bytes.count, bytes[place] == UInt8(ascii: "("), separator == 0x20 {
          isInBracket = true
          place += 1
        }
      }
    }
    if groups.isEmpty { return nil }
  }

  var digitCount: Int { groups.reduce(0) { $0 + $1.digits.count } }
  /// Past the last digit.
  var end: Int { groups.last?.end ?? 0 }
  mutating func removeLast() { groups.removeLast() }

  private var digits: [UInt8] { groups.flatMap(\.digits) }
  private var sizes: [Int] { groups.map(\.digits.count) }
  private var separators: [UInt8] { groups.dropFirst().compactMap(\.separator) }

  /// `123-45-6789`, of the numbers that are given out (no area 000, 666 or 9xx).
  var isSocialSecurityNumber: Bool {
    guard sizes == [3, 2, 4], separators == [0x2d, 0x2d], !hasPlus else { return false }
    let area = groups[0].digits
    return area != [0, 0, 0] && area != [6, 6, 6] && area[0] != 9 && groups[1].digits != [0, 0]
      && groups[2].digits != [0, 0, 0, 0]
  }

  /// In the groups they are printed in, as long as the issuer's are, and the check digit right (ISO/IEC 7812).
  var isCardNumber: Bool {
    let digits = digits
    guard !hasPlus, !hasBracket, (13...19).contains(digits.count), Set(separators).count <= 1,
      !separators.contains(0x2e)
    else { return false }
    let isGrouped =
      sizes.count == 1 || [[4, 4, 4, 4], [4, 4, 4, 4, 3], [4, 6, 5], [4, 6, 4]].contains(sizes)
    return isGrouped && Self.lengths(ofIssuer: digits).contains(digits.count) && passesLuhn(digits)
  }

  /// How many digits the cards have that begin like this.
  private static func lengths(ofIssuer digits: [UInt8]) -> [Int] {
    switch digits.prefix(4).reduce(0, { $0 * 10 + Int($1) }) {
    case 4000...4999: [13, 16, 19]
    case 5100...5599, 2221...2720: [16]
    case 3400...3499, 3700...3799: [15]
    case 6011, 6440...6599, 3528...3589, 6200...6299: [16, 17, 18, 19]
    case 3000...3059, 3600...3699, 3800...3999: [14, 16]
    case 5000...5099, 5600...5999: [13, 16, 19]
    default: []
    }
  }

  /// `+49 30 1234567` (ITU-T E.164), `(212) 555-0123` as in North America, `06 12 34 56 78` with a leading zero as
  /// in much of Europe. Digits in one run without a plus could be anything.
  var isPhoneNumber: Bool {
    let digits = digits
    if hasPlus {
      // With points there must be groups, or it is a decimal number with a sign.
      return (8...15).contains(digits.count) && digits[0] != 0
        && (groups.count > 2 || !separators.contains(0x2e))
    }
    let isAmerican =
      sizes.suffix(3) == [3, 3, 4] && (sizes.count == 3 || (sizes.count == 4 && groups[0].digits == [1]))
    if isAmerican {
      let area = groups[sizes.count - 3].digits
      let exchange = groups[sizes.count - 2].digits
      return area[0] > 1 && exchange[0] > 1 && separators.contains { $0 != 0x20 }
    }
    return groups.count > 1 && digits[0] == 0 && digits[1] != 0 && sizes[0] > 1
      && (10...11).contains(digits.count) && sizes.dropFirst().allSatisfy { $0 > 1 }
      && Set(separators).count == 1
  }
}
