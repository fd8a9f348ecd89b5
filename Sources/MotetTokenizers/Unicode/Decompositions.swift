/// What characters are made of, and what they make. Source: Unicode Standard Annex 15.
struct Decompositions: Sendable {
  static let shared = Decompositions()

  private static let limit = 0x2FA20

  /// For each character below `limit`: 1 when it decomposes canonically, 2 when only for compatibility, 0 when not at all.
  private let kinds: [UInt8]
  private let steps: [UInt32: [UInt32]]
  private let pairs: [UInt64: UInt32]
  private let classes: [UInt8]

  private init() {
    var kinds = [UInt8](repeating: 0, count: Self.limit)
    var steps: [UInt32: [UInt32]] = [:]
    var pairs: [UInt64: UInt32] = [:]
    for (kind, data) in [(UInt8(1), DecompositionData.canonical), (2, DecompositionData.compatible)] {
      var value: UInt32 = 0
      for record in data.description.utf8.split(separator: UInt8(ascii: ",")) {
        let parts = record.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2 else { continue }
        value += parts[0].isEmpty ? 1 : Self.number(parts[0])
        let scalars = parts[1].split(separator: UInt8(ascii: "+")).map(Self.number)
        guard Int(value) < Self.limit else { continue }
        kinds[Int(value)] = kind
        steps[value] = scalars
        if kind == 1, scalars.count == 2,
          Unicode.Scalar(value)?.properties.isFullCompositionExclusion == false
        {
          pairs[Self.key(scalars[0], scalars[1])] = value
        }
      }
    }
    self.kinds = kinds
    self.steps = steps
    self.pairs = pairs
    classes = (0..<0x1F000).map { (value: UInt32) in
      guard CharacterTable.shared.contains(value, asOf: UnicodeVersion.combiningMarks.packed) else {
        return 0
      }
      return Unicode.Scalar(value)?.properties.canonicalCombiningClass.rawValue ?? 0
    }
  }

  /// The order of a combining mark among others; 0 for a character that begins anew.
  @inline(__always)
  func combiningClass(_ value: UInt32) -> UInt8 { Int(value) < classes.count ? classes[Int(value)] : 0 }

  /// Appends all that `value` is made of.
  func decompose(_ value: UInt32, compatibly: Bool, into result: inout [UInt32]) {
    if (0xAC00..<0xD7A4).contains(value) { return Self.decomposeHangul(value, into: &result) }
    let kind = Int(value) < Self.limit ? kinds[Int(value)] : 0
    guard kind == 1 || kind == 2 && compatibly, let parts = steps[value] else { return result.append(value) }
    for part in parts { decompose(part, compatibly: compatibly, into: &result) }
  }

  /// The one character that two make, if any.
  func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if (0x1100..<0x1113).contains(first), (0x1161..<0x1176).contains(second) {
      return 0xAC00 + ((first - 0x1100) * 21 + (second - 0x1161)) * 28
    }
    if (0xAC00..<0xD7A4).contains(first), (first - 0xAC00) % 28 == 0, (0x11A8..<0x11C3).contains(second) {
      return first + (second - 0x11A7)
    }
    return pairs[Self.key(first, second)]
  }

  private static func decomposeHangul(_ value: UInt32, into result: inout [UInt32]) {
    let index = value - 0xAC00
    result.append(0x1100 + index / 588)
    result.append(0x1161 + index % 588 / 28)
    if index % 28 != 0 { result.append(0x11A7 + index % 28) }
  }

  private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 {
    UInt64(first) << 32 | UInt64(second)
  }

  private static func number(_ digits: some Sequence<UInt8>) -> UInt32 {
    digits.reduce(0) { $0 << 4 | UInt32($1 > 0x39 ? $1 - 0x37 : $1 - 0x30) }
  }
}
