/// A pattern as instructions for ``PatternMatcher``.
struct PatternProgram: Sendable {
  /// More instructions than any tokenizer's pattern has.
  static let maximumInstructions = 1 << 15

  enum Operation: UInt8, Sendable {
    /// One character of `set`.
    case set
    /// `first` to `second` characters of `set`, as many as there are, none given back.
    case run
    /// The same, but given back one by one while what follows does not match.
    case loop
    /// Goes on at `first`, and if that fails at `second`.
    case split
    /// The head of a loop whose body may match nothing: like `split`, but a second visit of one place goes to `second`.
    case guardedSplit
    /// Goes on where the table `first` says, by the class of the next character.
    case branch
    case jump
    /// Requires the assertion `first`.
    case assert
    /// Requires that the next character is in `set` (`first` is 1) or is not or there is none (0).
    case peek
    /// The same for the character before.
    case peekBehind
    /// Requires that what follows matches the instructions up to `second` (`first` is 1) or does not (0).
    case look
    /// The same for what stands before, of `set` to `third` characters.
    case behind
    /// Matches the instructions up to `second` and gives nothing back.
    case atomic
    case accept
    case fail
  }

  struct Instruction: Sendable {
    var operation: Operation
    /// Where the set's row starts in ``membership``.
    var set: Int32 = 0
    var first: Int32 = 0
    var second: Int32 = 0
    var third: Int32 = 0
  }

  let instructions: [Instruction]
  let partition: CharacterPartition
  /// For each set 256 flags, one for each class.
  let membership: [Bool]
  /// For each branch 257 places to go on: one for each class, then the one at the end of the text.
  let branches: [Int32]
  /// For each class whether a match may begin with it; empty when a match may be empty.
  let starts: [Bool]
  /// The row of the set `\w` in ``membership``, when there is an assertion that needs it.
  let wordRow: Int
  /// Whether there is a loop whose body may match nothing.
  let hasGuards: Bool

  /// - Throws: ``PatternError``
  init(_ source: String) throws {
    let root = try PatternParser.parse(source)
    var compiler = try PatternCompiler(root)
    try compiler.compile(root)
    instructions = compiler.instructions
    partition = compiler.partition
    membership = compiler.membership
    branches = compiler.branches
    starts = root.isNullable ? [] : compiler.flags(of: root.first)
    wordRow = Int(compiler.wordRow)
    hasGuards = instructions.contains { $0.operation == .guardedSplit }
  }
}
