import Foundation

/// What a file of data holds, told by its first bytes and by the ending of its name.
enum DataKind: Equatable {
  /// JSON objects.
  case rows
  /// A line a row, which is a prompt.
  case prompts
  /// Columns; nil when what stands between them is to be found by looking.
  case table(separator: UInt8?)
  /// One text.
  case document

  static let documentEndings: Set<String> = ["md", "markdown", "txt", "text"]

  /// - Throws: ``DatasetError/format(file:format:instead:)`` for what is not taken
  init(of file: OpenFile, path: String, reading: RowReading) throws {
    let head = try file.bytes(from: 0, atMost: 1 << 16)
    if let found = ForeignFormat.of(head, path: path) {
      throw DatasetError.format(file: file.name, format: found.name, instead: found.instead)
    }
    var name = path
    if name.lowercased().hasSuffix(".gz") { name.removeLast(3) }
    let ending = URL(filePath: name).pathExtension.lowercased()
    let text = (head.starts(with: [0xEF, 0xBB, 0xBF]) ? head.dropFirst(3) : head[...]).drop {
      $0.isWhiteSpace
    }
    switch ending {
    case "csv": self = .table(separator: nil)
    case "tsv", "tab": self = .table(separator: UInt8(ascii: "\t"))
    case "jsonl", "ndjson", "json": self = .rows
    default:
      if Self.looksLikeJSON(text) {
        self = .rows
      } else if Self.looksLikeTable(text, columns: reading.columns) {
        self = .table(separator: nil)
      } else if reading.isForPrompts, !text.isEmpty {
        self = .prompts
      } else {
        self = Self.documentEndings.contains(ending) && !text.isEmpty ? .document : .rows
      }
    }
  }

  /// Prose may begin with a bracket; an object, or a list of objects or texts, does not read like prose.
  private static func looksLikeJSON(_ text: ArraySlice<UInt8>) -> Bool {
    func next(after text: ArraySlice<UInt8>) -> UInt8? { text.dropFirst().first { !$0.isWhiteSpace } }
    switch text.first {
    case UInt8(ascii: "{"):
      return next(after: text) == UInt8(ascii: "\"") || next(after: text) == UInt8(ascii: "}")
    case UInt8(ascii: "["):
      return [UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "]")]
        .contains(next(after: text))
    default: return false
    }
  }

  /// Whether the first line names columns that rows have.
  private static func looksLikeTable(_ text: ArraySlice<UInt8>, columns: RowColumns) -> Bool {
    let line = String(decoding: text.prefix { $0 != 10 && $0 != 13 }, as: UTF8.self)
    let names = line.split { ",;\t".contains($0) }.map {
      $0.trimmingCharacters(in: CharacterSet(charactersIn: "\" "))
    }
    let known = RowColumns.knownNames.union(columns.names)
    return names.count > 1 && names.filter(known.contains).count > 1
  }
}
