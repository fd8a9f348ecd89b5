import MotetFormats

/// Takes up to so many of one character off the ends of a token.
struct StripDecoder: DecodingStep {
  static let type = "Strip"

  let content: Unicode.Scalar
  let start: Int
  let stop: Int
  private let mark: [UInt8]

  init(_ fields: StepFields) throws {
    self.init(
      try fields.character("content"), start: try fields.count("start"), stop: try fields.count("stop"))
  }

  init(_ content: Unicode.Scalar, start: Int, stop: Int) {
    self.content = content
    self.start = start
    self.stop = stop
    mark = Array(String(content).utf8)
  }

  var fields: [String: JSONValue] {
    ["content": .string(String(content)), "start": .int(start), "stop": .int(stop)]
  }

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] {
    guard isWhole else { return piece }
    var state = begin()
    var output: [DecodedPiece] = []
    state.append(DecodedPiece(bytes: piece), to: &output)
    return output.flatMap(\.bytes)
  }

  func begin() -> any DecodingState { State(step: self) }

  private struct State: DecodingState {
    let step: StripDecoder
    /// How many were taken off the start of the element; nil once another character came.
    private var stripped: Int? = 0
    /// How many at the end so far may have to go.
    private var held = 0

    init(step: StripDecoder) { self.step = step }

    var isHolding: Bool { held > 0 }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      let mark = step.mark
      var kept: [UInt8] = []
      var position = 0
      let bytes = piece.bytes
      while position < bytes.count {
        if bytes[position...].starts(with: mark) {
          position += mark.count
          if let count = stripped, count < step.start {
            stripped = count + 1
          } else {
            stripped = nil
            held += 1
            // Only so many go at the end: the ones before them stay.
            if held > step.stop {
              kept += mark
              held -= 1
            }
          }
        } else {
          stripped = nil
          for _ in 0..<held { kept += mark }
          held = 0
          kept.append(bytes[position])
          position += 1
        }
      }
      if piece.endsElement { (stripped, held) = (0, 0) }
      if !kept.isEmpty || piece.endsElement {
        output.append(DecodedPiece(bytes: kept, endsElement: piece.endsElement))
      }
    }

    mutating func finish(into output: inout [DecodedPiece]) {}
  }
}
