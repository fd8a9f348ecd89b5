import Foundation

/// Finds the rows of a JSONL file, of a JSON list, or of JSON objects one after another, reading the file piece by
/// piece: no more of it is held than the row under way.
///
///     var scanner = try RowScanner(OpenFile(path))
///     while let row = try scanner.next() { … }
struct RowScanner {
  struct Row {
    /// The row's bytes in the file.
    let range: Range<Int>
    /// Its line, or its place in the list, from 1.
    let line: Int
    /// nil for a row longer than ``RowScanner/longestRow``.
    let bytes: Data?
  }

  /// Bytes read at a time.
  static let pieceSize = 1 << 20
  /// Bytes of the longest row there can be: a file that is not text must not be gathered as one row.
  static let longestRow = 64 << 20

  private let file: OpenFile
  private let longestRow: Int
  private(set) var buffer: [UInt8] = []
  /// Where in the file the buffer begins.
  private var origin = 0
  /// Where in the buffer the row under way begins.
  private var start = 0
  /// The next byte of the buffer to look at.
  private var position = 0
  private var isOverlong = false
  private var line = 0
  private let layout: RowLayout
  private var list = ListBoundaries()
  private var isListDone = false

  /// - Parameter layout: nil finds it by looking
  init(_ file: OpenFile, layout: RowLayout? = nil, longestRow: Int = RowScanner.longestRow) throws {
    self.file = file
    self.longestRow = longestRow
    self.layout = try layout ?? RowLayout(of: file, columns: RowColumns())
    if case .list(let offset, _) = self.layout {
      origin = offset
    } else if try file.bytes(from: 0, atMost: 3) == [0xEF, 0xBB, 0xBF] {
      origin = 3
    }
  }

  /// How many bytes of the file are behind.
  var bytesDone: Int { origin + position }

  /// The next row; blank lines are none.
  /// - Throws: ``DatasetError/malformed(file:line:problem:)`` for a list that is not one
  mutating func next() throws -> Row? {
    while true {
      start = position
      isOverlong = false
      let end: Int?
      switch layout {
      case .list: end = try endOfElement()
      case .objects: end = try endOfObject()
      case .lines, .plainLines, .records, .documents: end = try endOfLine()
      }
      guard let end else { return nil }
      line += 1
      if isOverlong { return Row(range: 0..<0, line: line, bytes: nil) }
      let row = buffer[start..<end].trimmed
      if row.isEmpty {
        if case .list = layout { throw notAList }
        continue
      }
      return Row(
        range: origin + row.startIndex..<origin + row.endIndex, line: line, bytes: Data(row))
    }
  }

  private var notAList: DatasetError {
    .malformed(file: file.name, line: 1, problem: "it begins like a JSON list but is not one")
  }

  /// Where the line under way ends; ``position`` goes past its newline. nil at the end of the file.
  private mutating func endOfLine() throws -> Int? {
    while true {
      if let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n")) {
        position = end + 1
        return end
      }
      position = buffer.count
      if try fill() { continue }
      return start < buffer.count || isOverlong ? buffer.count : nil
    }
  }

  /// Where the element under way ends; ``position`` goes past the `,` or `]`. nil at the end of the list.
  private mutating func endOfElement() throws -> Int? {
    // What follows the list of an object around it was looked at already.
    if isListDone, case .list(_, .some) = layout {
      while try fill() { start = buffer.count }
      position = buffer.count
      return nil
    }
    while true {
      var boundaries = list
      let found = buffer.withUnsafeBufferPointer { boundaries.next(in: $0, from: &position) }
      list = boundaries
      switch found {
      case .separator: return position - 1
      case .end:
        isListDone = true
        let isEmpty = buffer[start..<position - 1].trimmed.isEmpty && !isOverlong
        if isEmpty, line == 0 { return try endOfElementAfterEmptyList() }
        return position - 1
      case .none:
        guard try fill() else {
          guard boundaries.isClosed else { throw notAList }
          return nil
        }
      case .fault: throw notAList
      }
    }
  }

  private mutating func endOfElementAfterEmptyList() throws -> Int? {
    start = position
    return try endOfElement()
  }

  /// Where the object under way ends; ``position`` goes past it, and past a comma after it. nil at the end of the file.
  private mutating func endOfObject() throws -> Int? {
    var boundaries = ObjectBoundaries()
    while true {
      let isWhole = buffer.withUnsafeBufferPointer { boundaries.next(in: $0, from: &position) }
      if isWhole {
        let end = position
        if let comma = buffer[start..<end].firstIndex(where: { !$0.isWhiteSpace }),
          buffer[comma] == UInt8(ascii: ","),
          line > 0
        {
          start = comma + 1
        }
        return end
      }
      if try fill() { continue }
      return buffer[start...].allSatisfy(\.isWhiteSpace) && !isOverlong ? nil : buffer.count
    }
  }

  /// Reads a further piece and lets go of what lies before the row under way; false at the end of the file.
  private mutating func fill() throws -> Bool {
    if buffer.count - start > longestRow {
      isOverlong = true
      start = buffer.count
    }
    buffer.removeFirst(start)
    origin += start
    position -= start
    start = 0
    let piece = try file.bytes(from: origin + buffer.count, atMost: Self.pieceSize)
    buffer += piece
    return !piece.isEmpty
  }
}

extension UInt8 {
  var isWhiteSpace: Bool { self == 32 || (9...13).contains(self) }
}

extension ArraySlice<UInt8> {
  /// Without the white space at both ends.
  var trimmed: ArraySlice<UInt8> {
    guard let first = firstIndex(where: { !$0.isWhiteSpace }),
      let last = lastIndex(where: { !$0.isWhiteSpace })
    else { return prefix(0) }
    return self[first...last]
  }
}
