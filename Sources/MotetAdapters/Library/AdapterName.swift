import Foundation

/// What an adapter of the library may be called, and how one of its versions is referred to: `math`, `math@3`.
public struct AdapterName: Sendable, Hashable, CustomStringConvertible {
  public let name: String
  /// nil means the newest.
  public let version: Int?

  /// - Throws: `LibraryError.invalidName`.
  public init(_ name: String, version: Int? = nil) throws {
    if let problem = Self.problem(with: name) {
      throw LibraryError.invalidName(name: name, problem: problem)
    }
    if let version, version < 1 {
      throw LibraryError.invalidName(name: "\(name)@\(version)", problem: "versions count from 1")
    }
    self.name = name
    self.version = version
  }

  /// Reads `math` or `math@3`.
  ///
  /// - Throws: `LibraryError.invalidName`.
  public init(parsing text: String) throws {
    guard let at = text.lastIndex(of: "@") else {
      try self.init(text)
      return
    }
    let digits = text[text.index(after: at)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let version = Int(digits)
    else {
      throw LibraryError.invalidName(
        name: text, problem: "after '@' stands the number of a version, such as math@3")
    }
    try self.init(String(text[..<at]), version: version)
  }

  public var description: String { version.map { "\(name)@\($0)" } ?? name }

  private static func problem(with name: String) -> String? {
    let allowed = { (byte: UInt8) in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    if name.isEmpty { return "it is empty" }
    if name == "base" { return "'base' means the model without adapters; choose another name" }
    if name.utf8.count > 100 { return "it is longer than 100 characters" }
    if !name.utf8.allSatisfy(allowed) {
      return "it may hold letters a to z, digits, '.', '_' and '-' only; a folder is written ./NAME"
    }
    if name.hasPrefix(".") || name.hasPrefix("-") { return "it may not begin with '.' or '-'" }
    if name.contains("..") { return "it may not contain '..'" }
    return nil
  }
}
