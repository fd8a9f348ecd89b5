import Foundation
import Testing

@testable import MotetTokenizers

/// What `Tests/Fixtures/tokenizer_characters.py` asked Hugging Face `tokenizers` about every character.
@Suite struct CharacterTests {
  private struct Expected: Decodable {
    let classes: [String: String]
    /// CRC-32 and length of what all characters become.
    let digests: [String: [Int]]
  }

  private static func expected() throws -> Expected {
    try TokenizerFixtures.read("tokenizer-characters.json", as: Expected.self)
  }

  private static let scalars = (UInt32(0)...0x10FFFF).filter { !(0xD800..<0xE000).contains($0) }
  /// All characters but most of those that no version of Unicode assigns and those for private use.
  private static let sampled = scalars.filter {
    $0 < CharacterTable.limit || $0 >> 8 == 0xE00 || $0 % 97 == 0
  }

  @Test func charactersCountAmongWhatTheReferenceCountsThem() throws {
    for (name, ranges) in try Self.expected().classes {
      let expected = Self.set(ranges)
      let members = try Self.members(name)
      try #require(members.count == Self.sampled.count)
      let different = zip(Self.sampled, members).filter { $1 != expected.contains($0) }.map(\.0)
      #expect(
        different.isEmpty,
        "\(name): \(different.count) of them, such as \(different.prefix(8).map { String($0, radix: 16) })")
    }
  }

  @Test func normalFormsAreThoseOfTheReference() throws {
    let (nfc, nfd) = (NFC(StepFields()), NFD(StepFields()))
    let normalizers: [String: (any Normalizer, String, String)] = [
      "NFC": (nfc, "", ""), "NFD": (nfd, "", ""), "NFKC": (NFKC(StepFields()), "", ""),
      "NFKD": (NFKD(StepFields()), "", ""), "Lowercase": (Lowercase(), "", ""),
      "NFC between marks": (nfc, "e\u{301}\u{323}", "\u{301}\u{323}"),
      "NFD between marks": (nfd, "e\u{301}\u{323}", "\u{301}\u{323}"),
    ]
    let expected = try Self.expected().digests
    try #require(expected.count == normalizers.count)
    for (name, (normalizer, before, after)) in normalizers {
      var checksum = Checksum()
      for (index, value) in Self.scalars.enumerated() {
        if index > 0 { checksum.append([0]) }
        var text = Array(before.utf8)
        text.append(scalar: value)
        checksum.append(normalizer.normalize(AlignedText(text + after.utf8)).bytes)
      }
      #expect([Int(checksum.value), checksum.count] == expected[name], "\(name)")
    }
  }

  private static func set(_ text: String) -> ScalarSet {
    var before: UInt32 = 0
    return ScalarSet(
      text.split(separator: ",").map { part in
        let numbers = part.split(separator: "+").map { UInt32($0, radix: 16) ?? 0 }
        let low = before + numbers[0]
        before = low + (numbers.count > 1 ? numbers[1] : 0)
        return low...before
      })
  }

  /// Whether our step does to each of the sampled characters what the fixture's class says.
  private static func members(_ name: String) throws -> [Bool] {
    func pieces(_ splitter: any Splitter) -> [Int] {
      sampled.map { value in
        var words = Words(AlignedText(around(value)))
        splitter.split(&words)
        return words.ranges.count
      }
    }
    func around(_ value: UInt32) -> [UInt8] {
      var text: [UInt8] = [0x61]
      text.append(scalar: value)
      return text + [0x61]
    }
    func normalizes(_ normalizer: any Normalizer, to result: ([UInt8]) -> [UInt8]) -> [Bool] {
      sampled.map { normalizer.normalize(AlignedText(around($0))).bytes == result(around($0)) }
    }
    func bert(_ on: String) throws -> BertNormalizer {
      var options: [String: Bool] = [:]
      for name in ["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"] {
        options[name] = name == on
      }
      return try BertNormalizer(StepFields(options.mapValues { .bool($0) }))
    }
    let none: ([UInt8]) -> [UInt8] = { _ in Array("aa".utf8) }
    switch name {
    case "Digits": return pieces(Digits(individually: true)).map { $0 == 3 }
    case "Punctuation": return pieces(Punctuation(.isolated)).map { $0 == 3 }
    case "WhitespaceSplit": return pieces(WhitespaceSplit(StepFields())).map { $0 == 2 }
    case "Whitespace": return pieces(Whitespace(StepFields())).map { $0 == 1 }
    case "BertNormalizer clean": return normalizes(try bert("clean_text"), to: none)
    case "BertNormalizer space": return normalizes(try bert("clean_text")) { _ in Array("a a".utf8) }
    case "BertNormalizer chinese":
      return normalizes(try bert("handle_chinese_chars")) {
        [0x61, 0x20] + $0.dropFirst().dropLast() + [0x20, 0x61]
      }
    case "BertNormalizer accents": return normalizes(try bert("strip_accents"), to: none)
    case "StripAccents": return normalizes(StripAccents(StepFields()), to: none)
    case "Nmt": return normalizes(Nmt(StepFields()), to: none)
    default: return try matches(of: name)
    }
  }

  /// Whether a pattern matches each of the sampled characters by itself.
  private static func matches(of pattern: String) throws -> [Bool] {
    let program = try PatternProgram(pattern)
    var text: [UInt8] = []
    let places = sampled.map { value in
      let start = text.count
      text.append(scalar: value)
      return start..<text.count
    }
    return text.withUnsafeBufferPointer { text in
      program.withMatcher(for: text) { matcher in
        places.map { place in
          var isWhole = false
          matcher.forEachMatch(in: place) { isWhole = $0 == place }
          return isWhole
        }
      }
    }
  }
}

/// CRC-32 as zlib computes it.
private struct Checksum {
  private var state: UInt32 = .max
  private(set) var count = 0
  var value: UInt32 { ~state }

  private static let table: [UInt32] = (0..<256).map { (byte: UInt32) in
    (0..<8).reduce(byte) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
  }

  mutating func append(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      state = Self.table[Int((state ^ UInt32(byte)) & 0xFF)] ^ state >> 8
      count += 1
    }
  }
}
