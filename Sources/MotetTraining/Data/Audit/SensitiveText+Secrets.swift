extension SensitiveText {
  /// Tokens whose issuers begin them with a sign of their own.
  func token(at position: Int) -> (kind: SensitiveKind, end: Int)? {
    switch bytes[position] {
    case UInt8(ascii: "A"):
      if hasPrefix("AKIA", at: position) || hasPrefix("ASIA", at: position) {
        // Sixteen digits of base 32.
        return run(.awsAccessKey, after: position + 4, 16...16) {
          $0.isASCIIUppercase || (0x32...0x37).contains($0)
        }
      }
      return run(.googleKey, "AIza", at: position, 35...35, \.isBase64URL)
    case UInt8(ascii: "e"): return jsonWebToken(at: position).map { (.jsonWebToken, $0) }
    case UInt8(ascii: "g"):
      return github(at: position) ?? run(.gitlabToken, "glpat-", at: position, 20...64, \.isBase64URL)
    case UInt8(ascii: "h"): return run(.huggingFaceToken, "hf_", at: position, 30...64, \.isASCIIAlphanumeric)
    case UInt8(ascii: "n"): return run(.npmToken, "npm_", at: position, 36...36, \.isASCIIAlphanumeric)
    case UInt8(ascii: "p"): return run(.pypiToken, "pypi-", at: position, 50...512, \.isBase64URL)
    case UInt8(ascii: "r"): return run(.stripeKey, "rk_live_", at: position, 16...256, \.isASCIIAlphanumeric)
    case UInt8(ascii: "s"):
      if let match = run(.stripeKey, "sk_live_", at: position, 16...256, \.isASCIIAlphanumeric) {
        return match
      }
      guard let match = run(.openAIKey, "sk-", at: position, 20...512, \.isBase64URL),
        looksRandom(position + 3..<match.end)
      else { return nil }
      return match
    case UInt8(ascii: "x"):
      guard hasPrefix("xox", at: position), position + 4 < bytes.count,
        [0x61, 0x62, 0x70, 0x72, 0x73].contains(bytes[position + 3]), bytes[position + 4] == UInt8(ascii: "-")
      else { return nil }
      return run(.slackToken, after: position + 5, 10...256) { $0.isASCIIAlphanumeric || $0 == 0x2d }
    default: return nil
    }
  }

  private func github(at position: Int) -> (kind: SensitiveKind, end: Int)? {
    if hasPrefix("github_pat_", at: position) {
      return run(.githubToken, after: position + 11, 22...255) { $0.isASCIIAlphanumeric || $0 == 0x5f }
    }
    guard hasPrefix("gh", at: position), position + 3 < bytes.count,
      [0x70, 0x6f, 0x75, 0x73, 0x72].contains(bytes[position + 2]), bytes[position + 3] == UInt8(ascii: "_")
    else { return nil }
    return run(.githubToken, after: position + 4, 36...255, \.isASCIIAlphanumeric)
  }

  private func run(
    _ kind: SensitiveKind, _ prefix: StaticString, at position: Int, _ length: ClosedRange<Int>,
    _ holds: (UInt8) -> Bool
  ) -> (kind: SensitiveKind, end: Int)? {
    guard hasPrefix(prefix, at: position) else { return nil }
    return run(kind, after: position + prefix.utf8CodeUnitCount, length, holds)
  }

  /// A run of a length within bounds, and no more of the same after it.
  private func run(
    _ kind: SensitiveKind, after start: Int, _ length: ClosedRange<Int>, _ holds: (UInt8) -> Bool
  ) -> (kind: SensitiveKind, end: Int)? {
    let end = end(of: start, limit: length.upperBound + 1, holds)
    return length.contains(end - start) ? (kind, end) : nil
  }

  /// `-----BEGIN … PRIVATE KEY-----` (RFC 7468).
  func privateKey(at position: Int) -> Int? {
    guard hasPrefix("-----BEGIN ", at: position) else { return nil }
    let labelEnd = end(of: position + 11, limit: 40) { $0.isASCIIUppercase || $0 == 0x20 }
    guard hasPrefix("-----", at: labelEnd), labelEnd >= position + 22,
      hasPrefix("PRIVATE KEY", at: labelEnd - 11) || hasPrefix("PRIVATE KEY BLOCK", at: labelEnd - 17)
    else { return nil }
    return labelEnd + 5
  }

  /// Three parts in base64 between points, the first two JSON objects: `{"` is `eyJ` there (RFC 7519).
  private func jsonWebToken(at position: Int) -> Int? {
    guard hasPrefix("eyJ", at: position), position == 0 || !bytes[position - 1].isBase64URL else {
      return nil
    }
    let header = end(of: position, limit: 4096, \.isBase64URL)
    guard header - position >= 10, hasPrefix(".eyJ", at: header) else { return nil }
    let payload = end(of: header + 1, limit: 65536, \.isBase64URL)
    guard payload - header >= 10, payload < bytes.count, bytes[payload] == UInt8(ascii: ".") else {
      return nil
    }
    let signature = end(of: payload + 1, limit: 4096, \.isBase64URL)
    return signature - payload > 16 ? signature : nil
  }

  /// `password = "…"`, `api_key: …` with a value that looks random, not a word, a name or a piece of code.
  func assignment(at position: Int) -> Int? {
    let nameEnd = end(of: position, limit: 64) { $0.isWordByte || $0 == 0x2d }
    var place = nameEnd
    func skip(_ holds: (UInt8) -> Bool, _ limit: Int) { place = end(of: place, limit: limit, holds) }
    skip({ $0 == 0x22 || $0 == 0x27 }, 1)
    skip({ $0 == 0x20 }, 2)
    guard place < bytes.count, bytes[place] == UInt8(ascii: ":") || bytes[place] == UInt8(ascii: "="),
      place + 1 < bytes.count, bytes[place + 1] != UInt8(ascii: "="), namesSecret(position..<nameEnd)
    else { return nil }
    place += 1
    skip({ $0 == 0x20 }, 2)
    skip({ $0 == 0x22 || $0 == 0x27 }, 1)
    let valueEnd = end(of: place, limit: 256) {
      $0 > 0x20 && $0 < 0x7f && ![0x22, 0x27, 0x29, 0x2c, 0x3b, 0x3e].contains($0)
    }
    let hasCode = bytes[place..<valueEnd].contains { [0x28, 0x3c, 0x5b, 0x7b].contains($0) }
    return !hasCode && looksRandom(place..<valueEnd) ? valueEnd : nil
  }

  private func namesSecret(_ range: Range<Int>) -> Bool {
    let name = String(decoding: bytes[range], as: UTF8.self).lowercased()
    return [
      "password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key",
      "access_key", "access-key", "auth_key", "private_key",
    ].contains { name.contains($0) }
  }

  /// At least 8 bytes, with letters and digits, and 2.7 bits in each byte; a word of 8 letters has no digit.
  private func looksRandom(_ range: Range<Int>) -> Bool {
    range.count >= 8 && bytes[range].contains(where: \.isASCIIDigit)
      && bytes[range].contains(where: \.isASCIILetter) && entropy(range) >= 2.7
  }
}
