import MotetTokenizers

/// How far one answer is in its output format.
struct StructureCursor: Sendable {
  private let automaton: StructureAutomaton
  private let tokenizer: Tokenizer
  private let thread: MaskThread
  private var position: TextPosition
  private var ticket: MaskTicket
  /// Masks after each guessed token.
  private var ahead: [MaskTicket] = []

  /// Ways to read a text that are followed: beyond, answers keep to these.
  private static let mostPlaces = 2_048

  init(_ automaton: StructureAutomaton, tokenizer: Tokenizer, thread: MaskThread) {
    self.automaton = automaton
    self.tokenizer = tokenizer
    self.thread = thread
    position = automaton.grammar.beginning
    position.keep(Self.mostPlaces)
    ticket = Self.ticket(position, automaton, thread)
  }

  /// Whether nothing may follow.
  var isComplete: Bool { position.isFinal }
  /// The tokens that may come next; nil while they are not known yet.
  var mask: TokenMask? { ticket.mask }

  mutating func advance(_ token: Int32) {
    step(token)
    ahead = []
    guard !isComplete else { return }
    ticket = Self.ticket(position, automaton, thread)
  }

  /// Has the masks made that guesses need if they are right.
  mutating func prepare(_ guesses: some Sequence<Int32>) {
    var copy = self
    ahead = []
    for guess in guesses {
      copy.step(guess)
      guard !copy.isComplete else { return }
      ahead.append(Self.ticket(copy.position, automaton, thread))
    }
  }

  private mutating func step(_ token: Int32) {
    for byte in tokenizer.bytes(of: token) {
      position = automaton.grammar.step(position, byte)
      if position.isNowhere { return }
    }
    position.keep(Self.mostPlaces)
  }

  private static func ticket(
    _ position: TextPosition, _ automaton: StructureAutomaton, _ thread: MaskThread
  ) -> MaskTicket {
    automaton.known(position).map { MaskTicket($0) } ?? thread.make(position, automaton)
  }
}
