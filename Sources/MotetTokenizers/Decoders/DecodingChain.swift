import MotetFormats

/// The steps from tokens to text.
struct DecodingChain: Sendable {
  let steps: [any DecodingStep]

  /// - Parameter steps: none stands for tokens with a space between each two
  init(_ steps: [any DecodingStep]) { self.steps = steps }

  /// Whether the one step is that of byte-level vocabularies, for which bytes need not go from step to step.
  var isByteLevel: Bool { steps.count == 1 && steps[0] is ByteLevelDecoder }

  /// The bytes that a token adds to a text when it stands neither at its beginning nor at its end.
  func inside(_ token: [UInt8]) -> [UInt8] {
    if steps.isEmpty { return [0x20] + token }
    var piece = token
    var isWhole = true
    for step in steps {
      piece = step.inside(piece, isWhole: isWhole)
      if step.joins { isWhole = false }
    }
    return piece
  }

  /// Decoding at the beginning of a text.
  func begin() -> Running { Running(states: steps.map { $0.begin() }, joinsWithSpaces: steps.isEmpty) }

  /// Decoding in the midst of a text.
  struct Running: Sendable {
    private var states: [any DecodingState]
    private let joinsWithSpaces: Bool
    private var isFirst = true

    fileprivate init(states: [any DecodingState], joinsWithSpaces: Bool) {
      self.states = states
      self.joinsWithSpaces = joinsWithSpaces
    }

    var isHolding: Bool { states.contains { $0.isHolding } }

    /// The text that a token adds.
    mutating func append(_ token: [UInt8]) -> [UInt8] {
      if joinsWithSpaces {
        defer { isFirst = false }
        return isFirst ? token : [0x20] + token
      }
      return run([DecodedPiece(bytes: token)], from: 0)
    }

    /// The text that is left at the end.
    mutating func finish() -> [UInt8] {
      var text: [UInt8] = []
      for index in states.indices {
        var pieces: [DecodedPiece] = []
        states[index].finish(into: &pieces)
        text += run(pieces, from: index + 1)
      }
      return text
    }

    private mutating func run(_ pieces: [DecodedPiece], from first: Int) -> [UInt8] {
      var pieces = pieces
      for index in states.indices[first...] {
        var next: [DecodedPiece] = []
        for piece in pieces { states[index].append(piece, to: &next) }
        pieces = next
      }
      return pieces.flatMap(\.bytes)
    }
  }
}
