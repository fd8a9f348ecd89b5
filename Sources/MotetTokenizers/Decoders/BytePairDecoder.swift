import MotetFormats

/// A space in place of every end-of-word suffix, but none at the very end.
struct BytePairDecoder: DecodingStep {
  static let type = "BPEDecoder"

  let suffix: String
  private let mark: [UInt8]

  init(_ fields: StepFields) throws {
    suffix = try fields.string("suffix")
    mark = Array(suffix.utf8)
  }

  var fields: [String: JSONValue] { ["suffix": .string(suffix)] }

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] { piece.replacingEach(mark, with: [0x20]) }

  func begin() -> any DecodingState { State(mark: mark) }

  private struct State: DecodingState {
    let mark: [UInt8]
    private var elements = ElementBuffer()
    /// The last token from its first suffix on: what the suffix becomes depends on whether a token follows.
    private var held: [UInt8]?

    init(mark: [UInt8]) { self.mark = mark }

    var isHolding: Bool { !elements.isEmpty || held?.isEmpty == false }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      guard let element = elements.append(piece) else { return }
      if let held { output.append(DecodedPiece(bytes: held.replacingEach(mark, with: [0x20]))) }
      let place = element.firstPlace(of: mark) ?? element.count
      if place > 0 { output.append(DecodedPiece(bytes: Array(element[..<place]), endsElement: false)) }
      held = Array(element[place...])
    }

    mutating func finish(into output: inout [DecodedPiece]) {
      if let held { output.append(DecodedPiece(bytes: held.replacingEach(mark, with: []))) }
      held = nil
    }
  }
}
