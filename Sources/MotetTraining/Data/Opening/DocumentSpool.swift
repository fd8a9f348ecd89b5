import Foundation

/// Makes rows of documents: each document a row, or packed to the length that rows may have.
///
/// Packed, a row holds whole documents one after another, each with its end, as many as fit. One that is longer than a
/// row is cut into pieces, at a paragraph, a line or a word where one is near; only its last piece has the end, and
/// further documents follow in the same row. No byte is lost.
struct DocumentSpool {
  private let spool: SpoolFile
  private let pieces: DocumentPieces?
  /// The documents' parts of the row under way.
  private var parts: [[UInt8]] = []
  private var tokens = 0
  private(set) var documents = 0
  private(set) var empty = 0

  /// - Parameters:
  ///   - documents: opened one at a time, since a folder may hold more than a process can open
  ///   - pieces: nil for a row a document
  static func rows(
    of documents: some Sequence<String>, named name: String, pieces: DocumentPieces?
  ) throws -> (file: OpenFile, note: String) {
    var spool = DocumentSpool(spool: try SpoolFile(for: name), pieces: pieces)
    for path in documents { try spool.add(OpenFile(path), calledIn: name) }
    return try spool.finished()
  }

  /// Spools a document that is already open.
  static func rows(of document: OpenFile, pieces: DocumentPieces?) throws -> (file: OpenFile, note: String) {
    var spool = DocumentSpool(spool: try SpoolFile(for: document.name), pieces: pieces)
    try spool.add(document, calledIn: document.name)
    return try spool.finished()
  }

  private init(spool: SpoolFile, pieces: DocumentPieces?) {
    self.spool = spool
    self.pieces = pieces
  }

  private mutating func add(_ document: OpenFile, calledIn name: String) throws {
    guard let size = document.stamp?.size else { throw DatasetError.unreadable(file: document.name) }
    var offset = try document.bytes(from: 0, atMost: 3) == [0xEF, 0xBB, 0xBF] ? 3 : 0
    let begin = offset
    let windowSize = pieces?.windowSize ?? RowScanner.longestRow
    var window: [UInt8] = []
    while true {
      let more = try document.bytes(from: offset, atMost: windowSize - window.count)
      offset += more.count
      window += more
      let isAtEnd = more.isEmpty || offset >= size
      if isAtEnd, offset - begin == window.count, window.allSatisfy(\.isWhiteSpace) {
        empty += 1
        return
      }
      if let fault = try fault(in: window, of: document, isAtEnd: isAtEnd, called: name) {
        try flush(ends: true)
        return try spool.write(ConvertedRow.fault(fault) + [10])
      }
      guard let pieces else {
        documents += 1
        return try spool.write(ConvertedRow.documents([window], endsLast: true))
      }
      let piece = pieces.first(of: window, isLast: isAtEnd)
      let isLast = isAtEnd && piece.bytes == window.count
      try append(Array(window[..<piece.bytes]), tokens: piece.tokens, ends: isLast)
      if isLast {
        documents += 1
        return
      }
      window.removeFirst(piece.bytes)
    }
  }

  /// Why a window of a document cannot be used.
  private func fault(
    in window: [UInt8], of document: OpenFile, isAtEnd: Bool, called name: String
  ) throws -> String? {
    let place = document.name == name ? "the text" : document.name
    if window.contains(0) { return "\(place) is not text" }
    if pieces == nil, !isAtEnd { return "\(place) is longer than \(RowScanner.longestRow >> 20) MB" }
    let whole = isAtEnd ? window[...] : window[..<DocumentPieces.lastCharacterEnd(in: window)]
    return String(validating: whole, as: UTF8.self) == nil
      ? "\(place) is not UTF-8 text: convert it (iconv -f LATIN1 -t UTF-8)" : nil
  }

  private mutating func append(_ part: [UInt8], tokens count: Int, ends: Bool) throws {
    let needed = count + (ends ? 1 : 0)
    if let pieces, tokens + needed > pieces.limit { try flush(ends: true) }
    parts.append(part)
    tokens += needed
    // A piece that is not the last fills its row.
    if !ends { try flush(ends: false) }
  }

  private mutating func flush(ends: Bool) throws {
    if parts.isEmpty { return }
    try spool.write(ConvertedRow.documents(parts, endsLast: ends))
    parts = []
    tokens = 0
  }

  private mutating func finished() throws -> (file: OpenFile, note: String) {
    try flush(ends: true)
    let left = empty == 0 ? "" : "; \(grouped(empty)) empty left out"
    return (try spool.finished(), "\(grouped(documents)) \(documents == 1 ? "document" : "documents")\(left)")
  }
}
