import Crypto
import Foundation

/// What a file of the hub is called in the cache, and what its bytes must hash to.
enum HubDigest: Sendable, Hashable {
  /// Of a large file, in lower-case hexadecimal.
  case sha256(String)
  /// Git's, of a small file: SHA-1 over `blob SIZE`, a zero byte and the bytes.
  case git(String)
  /// Only a name: the server tells no hash.
  case entityTag(String)

  var name: String {
    switch self {
    case .sha256(let name), .git(let name), .entityTag(let name): name
    }
  }

  /// A hash from a listing; nil for anything else.
  static func sha256(of text: String) -> HubDigest? {
    let bare = (text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text).lowercased()
    return isHexadecimal(bare, 64) ? .sha256(bare) : nil
  }

  static func git(of text: String) -> HubDigest? {
    isHexadecimal(text.lowercased(), 40) ? .git(text.lowercased()) : nil
  }

  /// What the answer about a file says: the linked file's hash, or the name that an `ETag` gives it. nil if that cannot be
  /// a file's name.
  static func of(linkedTag: String?, entityTag: String?) -> HubDigest? {
    if let linkedTag, let digest = sha256(of: bare(linkedTag)) { return digest }
    guard let tag = (linkedTag ?? entityTag).map(bare), (1...200).contains(tag.utf8.count),
      !tag.hasPrefix("."),
      tag.utf8.allSatisfy({ byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || [0x2D, 0x2E, 0x5F].contains(byte)
      })
    else { return nil }
    return .entityTag(tag)
  }

  private static func bare(_ tag: String) -> String {
    (tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag).trimmingCharacters(in: ["\""])
  }

  private static func isHexadecimal(_ text: String, _ count: Int) -> Bool {
    text.utf8.count == count
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}

/// The hash of a file while its bytes arrive.
enum RunningHash {
  case sha256(SHA256)
  case sha1(Insecure.SHA1)
  case none

  /// - Parameter size: of the whole file, in bytes
  init(_ digest: HubDigest, size: Int) {
    switch digest {
    case .sha256: self = .sha256(SHA256())
    case .git:
      var sha = Insecure.SHA1()
      sha.update(data: Data("blob \(size)\0".utf8))
      self = .sha1(sha)
    case .entityTag: self = .none
    }
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    let state = self
    // Held once, the state is updated in place.
    self = .none
    switch consume state {
    case .sha256(var sha):
      sha.update(bufferPointer: bytes)
      self = .sha256(sha)
    case .sha1(var sha):
      sha.update(bufferPointer: bytes)
      self = .sha1(sha)
    case .none: break
    }
  }

  /// In lower-case hexadecimal; nil if nothing is hashed.
  var value: String? {
    func text(_ bytes: some Sequence<UInt8>) -> String { bytes.map { String(format: "%02x", $0) }.joined() }
    switch self {
    case .sha256(let sha): return text(sha.finalize())
    case .sha1(let sha): return text(sha.finalize())
    case .none: return nil
    }
  }
}
