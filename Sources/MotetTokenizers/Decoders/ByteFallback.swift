import MotetFormats

/// The tokens `<0x00>` to `<0xFF>` as bytes. A run of them that is not UTF-8 becomes U+FFFD, one for each byte of the whole
/// run, so that a run is held back until something else follows.
struct ByteFallback: DecodingStep {
  static let type = "ByteFallback"

  init(_ fields: StepFields = StepFields()) {}
  var fields: [String: JSONValue] { [:] }

  func inside(_ piece: [UInt8], isWhole: Bool) -> [UInt8] {
    isWhole ? Self.byte(of: piece).map { [$0] } ?? piece : piece
  }

  /// The byte that a token stands for.
  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  func begin() -> any DecodingState { State() }

  private struct State: DecodingState {
    private var elements = ElementBuffer()
    private var run: [UInt8] = []

    var isHolding: Bool { !elements.isEmpty || !run.isEmpty }

    mutating func append(_ piece: DecodedPiece, to output: inout [DecodedPiece]) {
      guard let element = elements.append(piece) else { return }
      if let byte = ByteFallback.byte(of: element) { return run.append(byte) }
      flush(into: &output)
      output.append(DecodedPiece(bytes: element))
    }

    mutating func finish(into output: inout [DecodedPiece]) { flush(into: &output) }

    private mutating func flush(into output: inout [DecodedPiece]) {
      if run.isEmpty { return }
      if String(validating: run, as: UTF8.self) != nil {
        output.append(DecodedPiece(bytes: run))
      } else {
        for _ in run { output.append(DecodedPiece(bytes: [0xEF, 0xBF, 0xBD])) }
      }
      run.removeAll(keepingCapacity: true)
    }
  }
}
