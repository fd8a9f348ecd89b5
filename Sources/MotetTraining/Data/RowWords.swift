import Crypto
import Foundation

extension DatasetRow {
  /// The row's words with their roles, and which are not trained: rows are the same when these are.
  var words: String {
    switch content {
    case .text(let text): text
    case .messages(let messages):
      messages.enumerated().map { index, message in
        "\(message.role)\u{0}\(message.content)\u{0}" + (untrainedTurns.contains(index) ? "\u{1}" : "")
      }.joined()
    }
  }
}

/// SHA-256 over the words of rows, one after another.
struct RowsDigest {
  private var sha = SHA256()

  mutating func add(_ words: String) {
    sha.update(data: Data(words.utf8))
    sha.update(data: Data([0xff]))
  }

  /// In hexadecimal.
  func finalize() -> String { sha.finalize().map { String(format: "%02x", $0) }.joined() }
}

/// FNV-1a with a last mixing (that of SplitMix64), 64 bits: unlike `Hasher`, the same in every run.
func stableHash(_ bytes: some Sequence<UInt8>, seed: UInt64 = 0) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ seed
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  return mixed(hash)
}

/// A bijection of 64-bit words that leaves no pattern (the finalizer of SplitMix64, Steele et al. 2014).
@inline(__always)
func mixed(_ word: UInt64) -> UInt64 {
  var z = word
  z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
  z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
  return z ^ (z >> 31)
}
