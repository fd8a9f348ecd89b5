/// What in a text looks like a program: its signs, its line ends and words that are rare in prose.
struct CodeCues {
  /// Signs of programs over all that is not white space.
  private(set) var signShare = 0.0
  /// Line ends, operators of two signs and keywords.
  private(set) var cues = 0

  /// It begins with `SELECT`: SQL has the signs and the words of prose.
  private(set) var isQuery = false

  var isCode: Bool { isQuery || signShare >= 0.09 && cues >= 2 || signShare >= 0.05 && cues >= 5 }

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    var signs = 0
    var visible = 0
    /// The byte before, and the last that is not a space.
    var before: UInt8 = 0x0a
    var last: UInt8 = 0x0a
    for byte in bytes {
      let isSign = Self.signs[Int(byte)]
      if byte > 0x20 { visible += 1 }
      if isSign { signs += 1 }
      if byte == 0x0a, [0x3b, 0x7b, 0x7d, 0x29, 0x3a].contains(last) { cues += last == 0x3a ? 0 : 1 }
      if isSign, Self.pairs.contains(UInt16(last) << 8 | UInt16(byte)) { cues += 1 }
      // A call or a subscript: prose puts a space before a bracket.
      if byte == 0x28 || byte == 0x5b, before.isASCIILetter { cues += 1 }
      before = byte
      if byte != 0x20, byte != 0x0d { last = byte }
    }
    if [0x3b, 0x7d].contains(last) { cues += 1 }
    let text = SensitiveText(bytes: bytes)
    isQuery = text.hasPrefix("SELECT ", at: 0) && bytes.indices.contains { text.hasPrefix("FROM ", at: $0) }
    signShare = Double(signs) / Double(max(1, visible))
    Words(bytes: bytes).visit { word, _ in if Self.keywords.contains(word) { cues += 1 } }
  }

  private static let signs: [Bool] = {
    var table = [Bool](repeating: false, count: 256)
    for byte in "{}()[];=<>_&|#/*+\"'".utf8 { table[Int(byte)] = true }
    return table
  }()

  private static let pairs = Set(
    ["()", "==", "=>", "->", "!=", "+=", "&&", "||", "</", "/>", "::", ");", "};", "//", "[]", "\"]", "({"]
      .map { pair in pair.utf8.reduce(UInt16(0)) { $0 << 8 | UInt16($1) } })

  private static let keywords = Set(
    """
    def elif lambda const printf println sizeof typedef struct func enum async await endif ifdef stdio \
    std cout cin endl nullptr int void bool str len args kwargs init strcpy malloc varchar innerhtml getelementbyid \
    href div src html css var println stdin stdout numpy np pd df sql cursor xrange
    """.split(separator: " ").map { Words.hash(String($0)) })
}
