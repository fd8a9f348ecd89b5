import MotetFormats

/// Bytes in place of their stand-ins, all tokens made one text. Bytes that are not UTF-8 become U+FFFD, one for each maximal
/// invalid part.
///
/// A token that holds a character outside the byte alphabet stands for itself.
struct ByteLevelDecoder: DecodingStep {
  static let type = "ByteLevel"

  init(_ fields: StepFields = StepFields()) {}

  var fields: [String: JSONValue] {
    ["add_prefix_space": .bool(false), "trim_offsets": .bool(true), "use_regex": .bool(true)]
  }

  var joins: Bool { true }

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] { ByteAlphabet.decode(piece) }

  func begin() -> any DecodingState { State() }

  private struct State: DecodingState {
    private var elements = ElementBuffer()
    private var characters = CharacterBuffer()

    var isHolding: Bool { !elements.isEmpty || characters.isHolding }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      guard let element = elements.append(piece) else { return }
      let text = characters.append(ByteAlphabet.decode(element))
      if !text.isEmpty { output.append(DecodedPiece(bytes: Array(text.utf8), endsElement: false)) }
    }

    mutating func finish(into output: inout [DecodedPiece]) {
      output.append(DecodedPiece(bytes: Array(characters.finish().utf8)))
    }
  }
}
