import MotetFormats

/// Spaces in place of `▁`; in the first token, if one was put there, nothing in its place.
struct MetaspaceDecoder: DecodingStep {
  static let type = "Metaspace"

  let replacement: Unicode.Scalar
  let prepending: MetaspaceSplitter.Prepending
  private let mark: [UInt8]

  init(_ fields: StepFields) throws {
    self.init(
      replacement: try fields.character("replacement"), prepending: try MetaspaceSplitter.prepending(fields))
  }

  init(replacement: Unicode.Scalar = "▁", prepending: MetaspaceSplitter.Prepending) {
    self.replacement = replacement
    self.prepending = prepending
    mark = Array(String(replacement).utf8)
  }

  var fields: [String: JSONValue] {
    [
      "replacement": .string(String(replacement)), "prepend_scheme": .string(prepending.rawValue),
      "split": .bool(true),
    ]
  }

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] { piece.replacingEach(mark, with: [0x20]) }

  func begin() -> any DecodingState { State(step: self) }

  private struct State: DecodingState {
    let step: MetaspaceDecoder
    private var isFirst = true
    private var elements = ElementBuffer()

    init(step: MetaspaceDecoder) { self.step = step }

    var isHolding: Bool { !elements.isEmpty }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      guard let element = elements.append(piece) else { return }
      let drops = isFirst && step.prepending != .never
      isFirst = false
      output.append(DecodedPiece(bytes: element.replacingEach(step.mark, with: drops ? [] : [0x20])))
    }

    mutating func finish(into output: inout [DecodedPiece]) {}
  }
}
