import MotetTokenizers

/// The vocabulary by bytes, so that all tokens with the same beginning are judged by it at once.
///
/// Nodes lie in preorder: a walk goes through them in a row and steps over what cannot be.
final class TokenTrie: Sendable {
  /// The byte that leads to each node.
  let bytes: [UInt8]
  /// How many bytes lead to it, from 1.
  let depths: [UInt16]
  /// The first node that is not below it.
  let ends: [Int32]
  /// Where its tokens begin in `tokens`, and at the end their number.
  let firsts: [Int32]
  let tokens: [Int32]
  let vocabulary: Int
  let deepest: Int
  /// Bytes that are a token each: any text of these can be written.
  let singleBytes: ByteSet

  /// Of all tokens that stand for bytes: none of the special ones.
  init(_ tokenizer: Tokenizer) {
    vocabulary = tokenizer.vocabularySize
    var words: [(bytes: ArraySlice<UInt8>, id: Int32)] = []
    for id in 0..<Int32(tokenizer.vocabularySize) where !tokenizer.isSpecial(id) {
      let bytes = tokenizer.bytes(of: id)
      if !bytes.isEmpty { words.append((bytes, id)) }
    }
    words.sort { a, b in
      a.bytes.lexicographicallyPrecedes(b.bytes) || (a.bytes.elementsEqual(b.bytes) && a.id < b.id)
    }
    var bytes: [UInt8] = []
    var depths: [UInt16] = []
    var ends: [Int32] = []
    var firsts: [Int32] = []
    var tokens: [Int32] = []
    var path: [Int] = []
    var before = ArraySlice<UInt8>()
    for (word, id) in words {
      let shared = zip(word, before).prefix { $0 == $1 }.count
      while path.count > shared { ends[path.removeLast()] = Int32(bytes.count) }
      for byte in word.dropFirst(shared) {
        path.append(bytes.count)
        bytes.append(byte)
        depths.append(UInt16(path.count))
        ends.append(0)
        firsts.append(Int32(tokens.count))
      }
      tokens.append(id)
      before = word
    }
    while let last = path.popLast() { ends[last] = Int32(bytes.count) }
    firsts.append(Int32(tokens.count))
    self.bytes = bytes
    self.depths = depths
    self.ends = ends
    self.firsts = firsts
    self.tokens = tokens
    deepest = Int(depths.max() ?? 0)
    var single = ByteSet()
    for node in bytes.indices where depths[node] == 1 && firsts[node] < firsts[node + 1] {
      single.insert(bytes[node])
    }
    singleBytes = single
  }
}
