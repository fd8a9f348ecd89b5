/// One step from tokens to text: one file a kind, one line in ``decoderKinds``.
///
/// Hugging Face `tokenizers` hands every step the list of all tokens. Here a step gets the pieces of such a list as they
/// come and passes on what no later piece can change, so that a text may be printed while it is generated: put end to
/// end, what comes out is the same.
protocol DecodingStep: PipelineStep {
  /// The step at the beginning of a text.
  func begin() -> any DecodingState
  /// The bytes that a piece becomes inside a text, at neither end of it.
  /// - Parameter isWhole: whether the piece is one element of the list, not a part of a longer one
  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8]
  /// Whether the step makes all pieces one.
  var joins: Bool { get }
}

extension DecodingStep {
  var joins: Bool { false }
}

/// A step in the midst of a text.
protocol DecodingState: Sendable {
  /// Takes a piece and appends what it lets go of.
  mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece])
  /// Appends what is left at the end.
  mutating func finish(into output: inout [DecodedPiece])
  /// Whether something is held back.
  var isHolding: Bool { get }
}

/// A part of an element of the list of tokens.
struct DecodedPiece: Equatable, Sendable {
  /// UTF-8 but for steps that come before the one that makes bytes characters.
  var bytes: [UInt8]
  /// Whether the element ends here.
  var endsElement = true
}

/// The kinds of decoders.
let decoderKinds = StepKinds<any DecodingStep>(
  "decoder", list: "decoders",
  [
    ByteLevelDecoder.self,
    MetaspaceDecoder.self,
    WordPieceDecoder.self,
    BytePairDecoder.self,
    ByteFallback.self,
    Fuse.self,
    StripDecoder.self,
    ReplaceDecoder.self,
  ])

/// The elements of a list as whole ones, for steps that need to see them so.
struct ElementBuffer: Sendable {
  private var bytes: [UInt8] = []

  var isEmpty: Bool { bytes.isEmpty }

  /// The whole element that `piece` completes, or nil.
  mutating func append(_ piece: DecodedPiece) -> [UInt8]? {
    if bytes.isEmpty, piece.endsElement { return piece.bytes }
    bytes += piece.bytes
    guard piece.endsElement else { return nil }
    defer { bytes = [] }
    return bytes
  }
}
