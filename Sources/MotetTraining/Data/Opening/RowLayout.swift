/// How the rows of a file lie in it.
enum RowLayout: Sendable, Equatable {
  /// A JSON object a line.
  case lines
  /// The elements of a JSON list, which begins at this byte (after its bracket); `name` is the member that the list is
  /// of an object around it, such as `data`.
  case list(at: Int, name: String?)
  /// JSON objects one after another, each over several lines.
  case objects
  /// A prompt a line.
  case plainLines
  /// A record of a table a line, as ``ConvertedRow`` writes it.
  case records
  /// Documents a line, as ``ConvertedRow`` writes them.
  case documents

  /// Members that hold rows in a file that is one object.
  private static let knownWrappers = ["data", "rows", "examples", "records", "items", "dataset"]

  /// Looks at the first value of a JSON file; reads on only as far as that goes.
  /// - Throws: ``DatasetError/severalLists(file:names:)``
  init(of file: OpenFile, columns: RowColumns) throws {
    var walk = ByteWalk(file)
    walk.skipByteOrderMark()
    let start = try walk.skipWhiteSpace()
    switch start {
    case UInt8(ascii: "["):
      let offset = walk.offset + 1
      self = try Self.isLineOfSeveral(&walk) ? .lines : .list(at: offset, name: nil)
    case UInt8(ascii: "{"):
      guard let object = try ObjectOutline(&walk) else {
        self = .lines
        return
      }
      let isAlone = object.next == nil
      let known = RowColumns.knownNames.union(columns.names)
      let lists = isAlone && known.isDisjoint(with: object.names) ? object.lists : []
      let preferred = lists.filter { Self.knownWrappers.contains($0.name) }
      if let list = preferred.count == 1 ? preferred.first : lists.count == 1 ? lists.first : nil {
        self = .list(at: list.offset, name: list.name)
      } else if lists.count > 1 {
        throw DatasetError.severalLists(file: file.name, names: lists.map(\.name))
      } else {
        let isTogether = object.next == UInt8(ascii: "{") && !object.nextIsOnItsOwnLine
        self = object.spansLines || isTogether ? .objects : .lines
      }
    default: self = .lines
    }
  }

  /// Whether a list ends on the line it begins on and another list follows: each is a row, the turns of one
  /// conversation.
  private static func isLineOfSeveral(_ walk: inout ByteWalk) throws -> Bool {
    var boundaries = ListBoundaries()
    try walk.advance()
    while let byte = try walk.current, byte != 10 {
      try walk.advance()
      if boundaries.take(byte) == .end { return try walk.skipWhiteSpace() == UInt8(ascii: "[") }
    }
    return false
  }
}

/// What stands at the top of a JSON object: its members' names, and which of them are lists of objects.
private struct ObjectOutline {
  private(set) var names: [String] = []
  private(set) var lists: [(name: String, offset: Int)] = []
  private(set) var spansLines = false
  /// The byte that follows it, white space apart.
  private(set) var next: UInt8?
  private(set) var nextIsOnItsOwnLine = false

  /// nil when it does not end, or a string in it does not end on its line.
  init?(_ walk: inout ByteWalk) throws {
    var depth = 0
    while let byte = try walk.current {
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = try Self.string(&walk) else { return nil }
        if depth == 1, try walk.skipWhiteSpace(noting: &spansLines) == UInt8(ascii: ":") {
          try walk.advance()
          names.append(text)
          if try walk.skipWhiteSpace(noting: &spansLines) == UInt8(ascii: "[") {
            try walk.advance()
            let offset = walk.offset
            depth += 1
            if try walk.skipWhiteSpace(noting: &spansLines) == UInt8(ascii: "{") {
              lists.append((text, offset))
            }
          }
        }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case 10, 13: spansLines = true
      default: break
      }
      try walk.advance()
      if depth == 0 {
        next = try walk.skipWhiteSpace(noting: &nextIsOnItsOwnLine)
        return
      }
    }
    return nil
  }

  /// The string that begins here, escapes as they are; at most its first 256 bytes.
  private static func string(_ walk: inout ByteWalk) throws -> String? {
    var bytes: [UInt8] = []
    try walk.advance()
    while let byte = try walk.current {
      try walk.advance()
      if byte == UInt8(ascii: "\"") { return String(decoding: bytes, as: UTF8.self) }
      if byte == 10 { return nil }
      if bytes.count < 256 { bytes.append(byte) }
      if byte == UInt8(ascii: "\\") { try walk.advance() }
    }
    return nil
  }
}

/// Goes through a file byte by byte, holding a piece of it.
struct ByteWalk {
  private let file: OpenFile
  private var piece: [UInt8] = []
  private var origin = 0
  private var position = 0

  init(_ file: OpenFile) { self.file = file }

  /// The offset of the next byte.
  var offset: Int { origin + position }

  /// The next byte, without taking it; nil at the end.
  var current: UInt8? {
    mutating get throws {
      if position == piece.count {
        origin += position
        position = 0
        piece = try file.bytes(from: origin, atMost: 1 << 16)
      }
      return position < piece.count ? piece[position] : nil
    }
  }

  mutating func advance() throws { if try current != nil { position += 1 } }

  mutating func skipByteOrderMark() {
    if (try? file.bytes(from: 0, atMost: 3)) == [0xEF, 0xBB, 0xBF] { origin = 3 }
  }

  @discardableResult
  mutating func skipWhiteSpace() throws -> UInt8? {
    var hasNewline = false
    return try skipWhiteSpace(noting: &hasNewline)
  }

  /// - Parameter hasNewline: becomes true when a line ends in between
  mutating func skipWhiteSpace(noting hasNewline: inout Bool) throws -> UInt8? {
    while let byte = try current {
      guard byte.isWhiteSpace else { return byte }
      if byte == 10 || byte == 13 { hasNewline = true }
      position += 1
    }
    return nil
  }
}
