import MotetFormats

/// A space before every token but the first and those that go on a word, whose prefix goes.
struct WordPieceDecoder: DecodingStep {
  static let type = "WordPiece"

  let prefix: String
  /// Whether spaces before signs and in English contractions go.
  let cleansUp: Bool
  private let head: [UInt8]

  init(_ fields: StepFields) throws {
    self.init(prefix: try fields.string("prefix"), cleansUp: try fields.bool("cleanup"))
  }

  init(prefix: String, cleansUp: Bool) {
    self.prefix = prefix
    self.cleansUp = cleansUp
    head = Array(prefix.utf8)
  }

  var fields: [String: JSONValue] { ["prefix": .string(prefix), "cleanup": .bool(cleansUp)] }

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] { text(of: piece, isFirst: false) }

  private func text(of token: [UInt8], isFirst: Bool) -> [UInt8] {
    var text = token
    if !isFirst {
      if token.starts(with: head) { text.removeFirst(head.count) } else { text.insert(0x20, at: 0) }
    }
    guard cleansUp else { return text }
    for (dirty, clean) in Self.replacements { text = text.replacingEach(dirty, with: clean) }
    return text
  }

  /// Applied one after another to each token.
  private static let replacements: [([UInt8], [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

  func begin() -> any DecodingState { State(step: self) }

  private struct State: DecodingState {
    let step: WordPieceDecoder
    private var isFirst = true
    private var elements = ElementBuffer()

    init(step: WordPieceDecoder) { self.step = step }

    var isHolding: Bool { !elements.isEmpty }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      guard let element = elements.append(piece) else { return }
      output.append(DecodedPiece(bytes: step.text(of: element, isFirst: isFirst)))
      isFirst = false
    }

    mutating func finish(into output: inout [DecodedPiece]) {}
  }
}
