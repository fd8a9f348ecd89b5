/// A version of Unicode: what a character is depends on it.
///
/// Hugging Face `tokenizers` 0.23 mixes several, one for each library inside it. Ids agree with it only where each step
/// takes its characters from the same version.
struct UnicodeVersion: Comparable, Sendable {
  let major: Int
  let minor: Int

  init(_ major: Int, _ minor: Int = 0) {
    self.major = major
    self.minor = minor
  }

  /// Regular expressions (Oniguruma 6.9.10) and `\w` and `\s` of the `regex` crate.
  static let patterns = UnicodeVersion(16)
  /// `char::is_numeric`, `is_whitespace` and `to_lowercase` of Rust.
  static let rust = UnicodeVersion(17)
  /// NFC, NFD, NFKC and NFKD (`unicode-normalization-alignments`).
  static let normalization = UnicodeVersion(12)
  /// `is_combining_mark` and the order of marks in `unicode-normalization-alignments`.
  static let combiningMarks = UnicodeVersion(9)
  /// Punctuation and control characters of BERT (`unicode_categories`).
  static let bert = UnicodeVersion(8)

  static func < (left: UnicodeVersion, right: UnicodeVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// The version in one byte, in the same order. No version has more than 7 minor ones.
  var packed: UInt8 { UInt8(min(major, 31)) << 3 | UInt8(min(minor, 7)) }
}
