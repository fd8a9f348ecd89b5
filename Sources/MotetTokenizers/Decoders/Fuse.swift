import MotetFormats

/// Makes all tokens one.
struct Fuse: DecodingStep {
  static let type = "Fuse"

  init(_ fields: StepFields = StepFields()) {}
  var fields: [String: JSONValue] { [:] }
  var joins: Bool { true }

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] { piece }

  func begin() -> any DecodingState { State() }

  private struct State: DecodingState {
    var isHolding: Bool { false }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      if !piece.bytes.isEmpty { output.append(DecodedPiece(bytes: piece.bytes, endsElement: false)) }
    }

    mutating func finish(into output: inout [DecodedPiece]) { output.append(DecodedPiece(bytes: [])) }
  }
}
