import Foundation

/// How what is being written is called while it is: `.NAME.3f2a9c01.motet-draft`, beside what it will become.
struct HiddenName {
  enum Kind: String {
    case draft = "motet-draft"
    /// What a folder that gave way is called, where two folders cannot change places at once.
    case old = "motet-old"
  }

  let name: String
  let kind: Kind

  /// A new one.
  func drawn() -> String {
    "." + stem + "." + hexadecimal(UInt32.random(in: 0 ... .max)) + "." + kind.rawValue
  }

  /// Whether `other` was drawn for the same name.
  func matches(_ other: String) -> Bool {
    let (start, end) = ("." + stem + ".", "." + kind.rawValue)
    guard other.hasPrefix(start), other.hasSuffix(end),
      other.utf8.count == start.utf8.count + 8 + end.utf8.count
    else { return false }
    return other.dropFirst(start.count).dropLast(end.count).allSatisfy(\.isHexDigit)
  }

  /// Paths of all that are there in `folder`.
  func all(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter(matches).sorted()
      .map { folder + "/" + $0 }
  }

  /// A name may have 255 bytes.
  private var stem: String { Self.stem(name) }

  static func stem(_ name: String) -> String {
    var name = name[...]
    while name.utf8.count > 180 { name.removeLast() }
    return String(name)
  }

  private func hexadecimal(_ number: UInt32) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
