import MotetTensor

/// Texts on their way to vectors, read in the pieces that passes have room for. A text's vector is the mean over its
/// tokens of the normed last hidden state, of which each piece adds its sum.
@Compute
final class TextReading {
  /// Tokens of one text.
  struct Piece {
    let text: Int
    let tokens: Range<Int>
    /// Whether it is all of the text, which then leaves no keys and values for a later pass.
    let isWhole: Bool
  }

  nonisolated let texts: [[Int32]]
  /// Of the texts that are read, `[texts][hidden]`.
  private(set) var means: [[Float]] = []
  /// Tokens of the text after those that were read, and the sum over them.
  private var read = 0
  private var sum: [Float] = []
  /// Tokens that are not read.
  private(set) var missing: Int

  init(_ texts: [[Int32]]) {
    self.texts = texts
    missing = texts.reduce(0) { $0 + $1.count }
  }

  var isDone: Bool { means.count == texts.count }
  nonisolated var tokens: Int { texts.reduce(0) { $0 + $1.count } }
  nonisolated var longest: Int { texts.map(\.count).max() ?? 0 }

  /// What a pass with room for so many tokens takes: a piece of one text, or texts that fit whole. Never both, for of a
  /// pass all rows have keys and values kept, or none.
  /// - Parameter isBesideAnswers: whether the pass has rows whose keys and values are kept
  func pieces(_ count: Int, isBesideAnswers: Bool) -> [Piece] {
    guard !isDone, count > 0 else { return [] }
    let first = texts[means.count]
    guard read == 0, first.count <= count, !isBesideAnswers else {
      return [Piece(text: means.count, tokens: read..<min(first.count, read + count), isWhole: false)]
    }
    var pieces: [Piece] = []
    var left = count
    for text in means.count..<texts.count {
      guard texts[text].count <= left else { break }
      pieces.append(Piece(text: text, tokens: 0..<texts[text].count, isWhole: true))
      left -= texts[text].count
    }
    return pieces
  }

  /// Adds what a pass found of a piece.
  /// - Returns: whether the text is read to its end
  func take(_ piece: Piece, sum found: [Float]) -> Bool {
    missing -= piece.tokens.count
    read = piece.tokens.upperBound
    sum = sum.isEmpty ? found : zip(sum, found).map { $0 + $1 }
    let count = texts[piece.text].count
    guard read == count else { return false }
    means.append(sum.map { $0 / Float(count) })
    read = 0
    sum = []
    return true
  }

  /// Forgets the pieces of the text that is not read to its end.
  func beginAgain() {
    missing += read
    read = 0
    sum = []
  }
}
