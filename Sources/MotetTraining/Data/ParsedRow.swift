import Foundation
import MotetFormats

/// A row and what else its object says of it.
struct ParsedRow {
  var row: DatasetRow
  /// Its class, when it has a `label`.
  var label: String?
  /// The value of the field that rows are grouped by.
  var group: String?
  /// The mix that is to answer it, when it has one.
  var mix: String?
  /// The names of all its fields, sorted.
  var fields: [String] = []
  /// What it was read as, such as `prompt/response`.
  var shape: String
  /// Fields that have a value and were not used.
  var unused: [UnusedField] = []
  /// What is to be said of rows like it.
  var remarks: Set<RowRemark> = []

  struct UnusedField: Equatable {
    var name: String
    var isText: Bool
  }

  /// - Throws: ``DatasetError`` with the file and the line
  init(_ scanned: RowScanner.Row, of file: DataFile, reading: RowReading) throws {
    guard let bytes = scanned.bytes else {
      throw DatasetError.malformed(
        file: file.path, line: scanned.line, problem: "it is longer than \(RowScanner.longestRow >> 20) MB")
    }
    try self.init(bytes, of: file, line: scanned.line, reading: reading)
  }

  /// - Throws: ``DatasetError`` with the file and the line
  init(_ bytes: Data, of file: DataFile, line: Int, reading: RowReading) throws {
    let path = file.path
    func failure(_ problem: String) -> DatasetError {
      .malformed(file: path, line: line, problem: problem)
    }
    if file.layout == .plainLines {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw DatasetError.notUTF8(file: path, line: line)
      }
      self.init(prompt: text, line: line)
      return
    }
    let value: WrittenJSON
    do {
      value = try bytes.withUnsafeBytes { try WrittenJSON(parsing: $0, named: path) }
    } catch let error as JSONTextError {
      // Strings that are not UTF-8 are no JSON either: asked only now, since most rows are right.
      guard String(validating: bytes, as: UTF8.self) != nil else {
        throw DatasetError.notUTF8(file: path, line: line)
      }
      throw failure("it is not a JSON object: \(error.problem)")
    }
    switch value {
    case .object(let members) where file.layout == .documents: self.init(documents: members, line: line)
    case .object(let members):
      try self.init(RowFields(members, file: path, line: line, reading: reading))
      fields = members.map(\.name).sorted()
    case .array(let turns) where turns.contains(where: \.isTurn):
      let member = WrittenJSON.Member(name: "messages", value: value)
      try self.init(RowFields([member], file: path, line: line, reading: reading))
    case .string(let problem) where file.isConverted: throw failure(problem)
    case .string(let prompt) where reading.isForPrompts: self.init(prompt: prompt, line: line)
    default: throw failure("it is not a JSON object")
    }
  }

  private init(_ fields: RowFields) throws {
    var fields = fields
    row = try fields.row()
    mix = try fields.mix()
    label = fields.label
    group = fields.group
    shape = fields.shape
    remarks = fields.remarks
    unused = fields.unused
  }

  private init(prompt: String, line: Int) {
    row = DatasetRow(.messages([.init(role: "user", content: prompt)]), line: line)
    shape = "prompts"
  }

  /// Reads the document parts of a row as ``ConvertedRow`` writes them.
  private init(documents members: [WrittenJSON.Member], line: Int) {
    var texts: [String] = []
    if case .array(let parts)? = members.first?.value {
      texts = parts.map { if case .string(let text) = $0 { text } else { "" } }
    }
    row = DatasetRow(.text(texts.joined()), line: line)
    row.documents = DocumentParts(
      lengths: texts.map(\.utf8.count), endsLast: members.last?.value == .bool(true))
    shape = "text"
  }
}
