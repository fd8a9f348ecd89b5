/// Tokens by id and ids by token.
///
/// Tokens are compared byte by byte: `é` as one character and as two are different tokens, though they are equal as
/// `String`s. An id may have no token.
struct Vocabulary: Sendable {
  /// More ids than any model has.
  static let maximumCount = 1 << 24

  /// The tokens' UTF-8 end to end, and where each starts.
  private let bytes: [UInt8]
  private let offsets: [Int]
  /// Open addressing: ids, or -1.
  private let slots: [Int32]

  /// - Parameter tokens: the index is the id; an empty string is an id without a token.
  /// - Throws: ``TokenizerError/malformedVocabulary(reason:)``, ``TokenizerError/duplicateToken(_:_:_:)``
  init(_ tokens: [String]) throws {
    guard !tokens.isEmpty, tokens.count <= Self.maximumCount else {
      throw TokenizerError.malformedVocabulary(reason: "\(tokens.count) tokens")
    }
    var bytes: [UInt8] = []
    var offsets = [0]
    offsets.reserveCapacity(tokens.count + 1)
    for token in tokens {
      bytes.append(contentsOf: token.utf8)
      offsets.append(bytes.count)
    }
    var size = 16
    while size < 2 * tokens.count { size *= 2 }
    var slots = [Int32](repeating: -1, count: size)
    try bytes.withUnsafeBufferPointer { bytes in
      for id in tokens.indices where offsets[id] < offsets[id + 1] {
        let key = UnsafeBufferPointer(rebasing: bytes[offsets[id]..<offsets[id + 1]])
        var slot = Self.hash(key) & (size - 1)
        while slots[slot] >= 0 {
          let other = Int(slots[slot])
          if bytes[offsets[other]..<offsets[other + 1]].elementsEqual(key) {
            throw TokenizerError.duplicateToken(tokens[id], other, id)
          }
          slot = (slot + 1) & (size - 1)
        }
        slots[slot] = Int32(id)
      }
    }
    self.bytes = bytes
    self.offsets = offsets
    self.slots = slots
  }

  /// The number of ids, those without a token included.
  var count: Int { offsets.count - 1 }

  /// The token of an id as UTF-8; empty for an id without one.
  func utf8(_ id: Int) -> ArraySlice<UInt8> {
    guard id >= 0, id < count else { return [] }
    return bytes[offsets[id]..<offsets[id + 1]]
  }

  /// The token of an id; empty for an id without one.
  subscript(id: Int) -> String { String(decoding: utf8(id), as: UTF8.self) }

  /// The id of a token.
  @inline(__always)
  func id(of token: UnsafeBufferPointer<UInt8>) -> Int32? {
    if token.isEmpty { return nil }
    return bytes.withUnsafeBufferPointer { bytes in
      var slot = Self.hash(token) & (slots.count - 1)
      while slots[slot] >= 0 {
        let id = Int(slots[slot])
        let (start, end) = (offsets[id], offsets[id + 1])
        if end - start == token.count, bytes[start..<end].elementsEqual(token) { return Int32(id) }
        slot = (slot + 1) & (slots.count - 1)
      }
      return nil
    }
  }

  func id(of token: String) -> Int32? {
    var token = token
    return token.withUTF8 { id(of: $0) }
  }

  func id(of token: [UInt8]) -> Int32? { token.withUnsafeBufferPointer { id(of: $0) } }

  /// Hashing is seeded anew in every process, so that no file can hold tokens that all fall into one slot.
  @inline(__always)
  private static func hash(_ token: UnsafeBufferPointer<UInt8>) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: UnsafeRawBufferPointer(token))
    return hasher.finalize()
  }
}
