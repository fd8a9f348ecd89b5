extension SensitiveText {
  /// Where the address around the `@` at `position` ends (RFC 5322, the part that is in use). Domains kept for
  /// examples (RFC 2606) belong to nobody.
  func email(at position: Int) -> Int? {
    func isLocal(_ byte: UInt8) -> Bool {
      byte.isASCIIAlphanumeric || [0x2e, 0x5f, 0x25, 0x2b, 0x2d].contains(byte)
    }
    var start = position
    while start > max(0, position - 64), isLocal(bytes[start - 1]) { start -= 1 }
    while start < position, !bytes[start].isASCIIAlphanumeric { start += 1 }
    guard start < position, bytes[position - 1] != UInt8(ascii: ".") else { return nil }
    var end = end(of: position + 1, limit: 253) { $0.isASCIIAlphanumeric || $0 == 0x2d || $0 == 0x2e }
    while end > position + 1, !bytes[end - 1].isASCIIAlphanumeric { end -= 1 }
    let labels = bytes[position + 1..<end].split(separator: 0x2e, omittingEmptySubsequences: false)
    guard labels.count > 1, labels.allSatisfy({ !$0.isEmpty }), let last = labels.last, last.count > 1,
      last.allSatisfy(\.isASCIILetter)
    else { return nil }
    let domain = String(decoding: bytes[position + 1..<end], as: UTF8.self).lowercased()
    let isReserved =
      ["example.com", "example.org", "example.net"].contains { domain == $0 || domain.hasSuffix("." + $0) }
      || [".example", ".invalid", ".test"].contains { domain.hasSuffix($0) }
    return isReserved ? nil : end
  }

  /// A phone, card or social security number that begins at `position`.
  func number(at position: Int) -> (kind: SensitiveKind, end: Int)? {
    if position > 0, [0x2b, 0x2d, 0x2e, 0x2f, 0x24].contains(bytes[position - 1]) { return nil }
    guard canBegin(at: position), var groups = DigitGroups(bytes, from: position) else { return nil }
    let followsDigits =
      position > 1 && bytes[position - 1] == 0x20 && bytes[position - 2].isASCIIDigit
    while groups.digitCount >= 8 {
      let end = groups.end
      if end == bytes.count || !(bytes[end].isWordByte || bytes[end] == 0x25) {
        if groups.isSocialSecurityNumber { return (.socialSecurityNumber, end) }
        if groups.isCardNumber { return (.cardNumber, end) }
        if !followsDigits, groups.isPhoneNumber { return (.phoneNumber, end) }
      }
      groups.removeLast()
    }
    return nil
  }

  /// Whether the first digits are as many as such numbers begin with: most numbers in a text are none of them.
  private func canBegin(at position: Int) -> Bool {
    guard bytes[position].isASCIIDigit else { return true }
    let first = end(of: position, limit: 20, \.isASCIIDigit)
    switch first - position {
    case 1:
      // 1-800-555-0199
      return bytes[position] == 0x31 && end(of: first + 1, limit: 4, \.isASCIIDigit) == first + 4
    case 2, 5...8: return bytes[position] == 0x30
    case 3, 4, 13...: return true
    default: return false
    }
  }

  /// Where the international bank account number that begins at `position` ends (ISO 13616).
  func iban(at position: Int) -> Int? {
    guard position + 15 <= bytes.count, bytes[position].isASCIIUppercase,
      bytes[position + 1].isASCIIUppercase,
      bytes[position + 2].isASCIIDigit, bytes[position + 3].isASCIIDigit,
      let length = ibanLengths[String(decoding: bytes[position..<position + 2], as: UTF8.self)]
    else { return nil }
    var characters: [UInt8] = []
    var end = position
    while end < bytes.count, characters.count < length {
      if bytes[end].isASCIIDigit || bytes[end].isASCIIUppercase {
        characters.append(bytes[end])
      } else if bytes[end] != 0x20 || bytes[end - 1] == 0x20 {
        return nil
      }
      end += 1
    }
    guard characters.count == length, end == bytes.count || !bytes[end].isWordByte else { return nil }
    return ibanRemainder(characters) == 1 ? end : nil
  }
}
