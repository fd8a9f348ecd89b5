/// The keys that a server takes.
public struct KeyRing: Sendable {
  let keys: [APIKey]

  /// - Throws: ``KeyFileError`` for two keys with one name or one hash, which the log could not tell apart
  public init(_ keys: [APIKey], file: String = "the keys") throws {
    for (index, key) in keys.enumerated() {
      for other in keys[..<index] {
        guard other.name != key.name else {
          throw KeyFileError.twice(file: file, what: "the name \(key.name)")
        }
        guard other.hash != key.hash else {
          throw KeyFileError.twice(file: file, what: "the key of \(key.name) and \(other.name)")
        }
      }
    }
    self.keys = keys
  }

  /// The key that `presented` is. Every hash is compared to its end, so that the time taken says nothing of them.
  func key(_ presented: String) -> APIKey? {
    let hash = APIKey.hash(presented)
    var found: APIKey?
    for key in keys where Self.equal(key.hash, hash) { found = key }
    return found
  }

  private static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for index in a.indices { difference |= a[index] ^ b[index] }
    return difference == 0
  }
}
