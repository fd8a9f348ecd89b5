import Foundation
import MotetFormats

/// SentencePiece's table of what to write for which characters.
///
/// The table is a double-array trie over UTF-8, then the replacements, each ended by a zero byte. As in Hugging Face
/// `tokenizers`, a grapheme of fewer than 6 bytes is looked up whole and then character by character, and of several
/// entries the shortest that the text begins with counts. Source: SentencePiece's `normalizer.cc`; Aoe 1989, "An
/// Efficient Digital Search Algorithm by Using a Double-Array Structure".
struct Precompiled: Normalizer {
  static let type = "Precompiled"

  private let encoded: String
  private let units: [UInt32]
  private let replacements: [UInt8]

  init(_ fields: StepFields) throws {
    let encoded = try fields.string("precompiled_charsmap")
    guard let data = Data(base64Encoded: encoded) else {
      throw fields.malformed("precompiled_charsmap", "is not base64")
    }
    do {
      try self.init(data, encoded: encoded)
    } catch let error as PatternError {
      throw fields.malformed("precompiled_charsmap", "is malformed: \(error.reason)")
    }
  }

  /// The table as a SentencePiece model holds it.
  ///
  /// - Throws: ``PatternError``
  init(_ data: Data, encoded: String? = nil) throws {
    let bytes = Array(data)
    guard bytes.count >= 4 else { throw PatternError(reason: "it has \(bytes.count) bytes") }
    let size = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    guard size % 4 == 0, size <= bytes.count - 4 else {
      throw PatternError(reason: "its trie has \(size) bytes of \(bytes.count)")
    }
    units = stride(from: 4, to: 4 + size, by: 4).map { place in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
    }
    replacements = Array(bytes[(4 + size)...])
    guard String(validating: replacements, as: UTF8.self) != nil else {
      throw PatternError(reason: "its replacements are not UTF-8")
    }
    self.encoded = encoded ?? data.base64EncodedString()
  }

  var fields: [String: JSONValue] { ["precompiled_charsmap": .string(encoded)] }

  func normalize(_ text: AlignedText) -> AlignedText {
    var writer = AlignedText.Writer(capacity: text.count)
    var isChanged = false
    // What goes at the very beginning gives its place to the character after it, as in `tokenizers`.
    var lost: Int?
    func append(_ range: Range<Int>, of bytes: UnsafeBufferPointer<UInt8>) -> Bool {
      guard let replacement = replacement(of: UnsafeBufferPointer(rebasing: bytes[range])) else {
        return false
      }
      isChanged = true
      if replacement.isEmpty {
        if writer.count == 0, lost == nil { lost = text.origin(of: range.lowerBound) }
      } else {
        writer.append(Array(replacement), from: origin(range.lowerBound))
      }
      return true
    }
    func origin(_ index: Int) -> Int {
      if writer.count == 0, let lost { return lost }
      return text.origin(of: index)
    }
    text.withBytes { bytes in
      for grapheme in Graphemes(bytes) {
        if grapheme.count < 6, append(grapheme, of: bytes) { continue }
        var position = grapheme.lowerBound
        while position < grapheme.upperBound {
          let (value, end) = bytes.scalar(at: position)
          if !append(position..<end, of: bytes) { writer.append(value, from: origin(position)) }
          position = end
        }
      }
    }
    return isChanged ? writer.text : text
  }

  /// What to write for the shortest beginning of `key` that the table holds; nil when it holds none.
  private func replacement(of key: UnsafeBufferPointer<UInt8>) -> ArraySlice<UInt8>? {
    guard !units.isEmpty else { return nil }
    var node = Self.offset(units[0])
    for byte in key {
      if byte == 0 { return nil }
      node ^= Int(byte)
      guard node < units.count else { return nil }
      let unit = units[node]
      guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
      node ^= Self.offset(unit)
      guard node < units.count else { return nil }
      if unit >> 8 & 1 == 1 {
        let start = Int(units[node] & 0x7FFF_FFFF)
        // A damaged table may point into the middle of a character.
        guard start < replacements.count, replacements[start] & 0xC0 != 0x80 else { return nil }
        return replacements[start...].prefix { $0 != 0 }
      }
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
}

/// The graphemes of valid UTF-8, each as a range of bytes.
private struct Graphemes: Sequence, IteratorProtocol {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  /// The lengths of the graphemes of a line.
  private var lengths: [Int] = []
  private var taken = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func next() -> Range<Int>? {
    guard position < bytes.count else { return nil }
    if taken == lengths.count { loadLine() }
    let start = position
    position += lengths[taken]
    taken += 1
    return start..<position
  }

  /// A newline always ends a grapheme, so that lines can be looked at one by one.
  private mutating func loadLine() {
    let line = bytes[position...].prefix { $0 != 0x0A }
    let end = Swift.min(line.endIndex + 1, bytes.count)
    let text = String(decoding: bytes[position..<end], as: UTF8.self)
    lengths = text.map { $0.utf8.count }
    taken = 0
  }
}
