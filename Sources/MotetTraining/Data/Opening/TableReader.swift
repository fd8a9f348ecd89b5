import Foundation

/// Reads CSV and TSV, and writes each record as a JSON object on the line of the same number: the header is row 1, as
/// in a spreadsheet.
///
/// Fields may be quoted, and then hold separators, newlines and doubled quotes; records end with LF, CRLF or CR.
/// Source: RFC 4180.
struct TableReader {
  private let name: String
  private let spool: SpoolFile
  private var separator: UInt8
  private var header: [String]?
  private var number = 1
  private var fields: [[UInt8]] = []
  private var field: [UInt8] = []
  private var recordBytes = 0
  private var state = State.start
  /// Why the record under way cannot be used.
  private var problem: String?

  private enum State {
    /// At the beginning of a field.
    case start
    case plain
    case quoted
    /// After a quote inside a quoted field: its end, or the first of two.
    case quote
  }

  /// - Parameter separator: nil takes the one of comma, semicolon, tab and bar that the first line has most of
  /// - Throws: ``DatasetError`` for a header that cannot be used, or a quote that does not close
  static func rows(of file: OpenFile, separator: UInt8?) throws -> OpenFile {
    var head = try file.bytes(from: 0, atMost: 1 << 16)
    var offset = head.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    head.removeFirst(offset)
    var found = separator ?? commonest(in: head)
    // What Excel writes and reads above the header.
    if head.count > 5, head.starts(with: "sep=".utf8), head[5] == 10 || head[5] == 13 {
      found = head[4]
      offset += head[5] == 13 && head.count > 6 && head[6] == 10 ? 7 : 6
    }
    var reader = TableReader(name: file.name, spool: try SpoolFile(for: file.name), separator: found)
    while true {
      let piece = try file.bytes(from: offset, atMost: 1 << 20)
      if piece.isEmpty { break }
      offset += piece.count
      try reader.take(piece)
    }
    try reader.finish()
    return try reader.spool.finished()
  }

  private init(name: String, spool: SpoolFile, separator: UInt8) {
    self.name = name
    self.spool = spool
    self.separator = separator
  }

  private static func commonest(in head: [UInt8]) -> UInt8 {
    var counts: [UInt8: Int] = [:]
    var isQuoted = false
    for byte in head {
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if isQuoted { continue }
      if byte == 10 || byte == 13 { break }
      counts[byte, default: 0] += 1
    }
    let candidates = [",", ";", "\t", "|"].map { UInt8(ascii: $0) }
    return candidates.max { counts[$0, default: 0] < counts[$1, default: 0] } ?? candidates[0]
  }

  // MARK: Records

  private var endedWithCR = false

  private mutating func take(_ piece: [UInt8]) throws {
    for byte in piece {
      if endedWithCR {
        endedWithCR = false
        if byte == 10 { continue }
      }
      recordBytes += 1
      if recordBytes > RowScanner.longestRow {
        throw DatasetError.malformed(
          file: name, line: number, problem: "it is longer than 64 MB: a quote in it may not close")
      }
      try take(byte)
    }
  }

  private mutating func take(_ byte: UInt8) throws {
    let quote = UInt8(ascii: "\"")
    if state == .quoted {
      if byte == quote { state = .quote } else { field.append(byte) }
      return
    }
    if state == .quote, byte == quote {
      field.append(quote)
      state = .quoted
    } else if byte == separator {
      endField()
    } else if byte == 10 || byte == 13 {
      endedWithCR = byte == 13
      try endRecord()
    } else if state == .start, byte == quote {
      state = .quoted
    } else {
      if state == .quote, problem == nil {
        problem = "text follows a closing quote: double the quotes inside a field"
      }
      field.append(byte)
      if state == .start { state = .plain }
    }
  }

  private mutating func endField() {
    fields.append(field)
    field = []
    state = .start
  }

  private mutating func endRecord() throws {
    let isBlank = fields.isEmpty && field.isEmpty && state == .start
    endField()
    if !isBlank {
      if let header { try write(header) } else { try readHeader() }
    } else if header == nil {
      number -= 1
    }
    // The line of the header stays empty.
    try spool.write([10])
    number += 1
    fields = []
    recordBytes = 0
    problem = nil
  }

  private mutating func finish() throws {
    if state == .quoted {
      throw DatasetError.malformed(
        file: name, line: number, problem: "a quote opens a field there and does not close")
    }
    if !fields.isEmpty || !field.isEmpty || state != .start { try endRecord() }
  }

  private mutating func readHeader() throws {
    var names: [String] = []
    for (index, field) in fields.enumerated() {
      guard let text = String(validating: field, as: UTF8.self) else {
        throw DatasetError.notUTF8(file: name, line: number)
      }
      let trimmed = text.trimmingCharacters(in: .whitespaces)
      let column = trimmed.isEmpty ? "column \(index + 1)" : trimmed
      if names.contains(column) {
        throw DatasetError.malformed(
          file: name, line: number, problem: "the column \"\(column)\" stands twice")
      }
      names.append(column)
    }
    header = names
  }

  private func write(_ header: [String]) throws {
    if let problem { return try spool.write(ConvertedRow.fault(problem)) }
    guard fields.count == header.count else {
      return try spool.write(
        ConvertedRow.fault("it has \(fields.count) fields where the header has \(header.count)"))
    }
    var line = Array("{".utf8)
    for (index, (name, field)) in zip(header, fields).enumerated() {
      if index > 0 { line.append(UInt8(ascii: ",")) }
      ConvertedRow.append(Array(name.utf8), to: &line)
      line.append(UInt8(ascii: ":"))
      ConvertedRow.append(field, to: &line)
    }
    line.append(UInt8(ascii: "}"))
    try spool.write(line)
  }
}
