import Foundation
import MotetModels

/// Rows of data read from JSONL or JSON into memory.
///
///     let data = try Dataset(contentsOf: "math.jsonl")
///
/// The shape of the rows is found by looking: `{"prompt","response"}`, `{"messages":[…]}`,
/// `{"instruction","input","output"}`, `{"question","answer"}`, `{"text","label"}` or `{"text"}`.
/// Files larger than memory are read by ``TrainingData``.
public struct Dataset: Sendable {
  public var rows: [DatasetRow]
  /// The file, or what the rows are called in errors.
  public var name: String

  public init(_ rows: [DatasetRow], name: String = "data") {
    self.rows = rows
    self.name = name
  }

  /// - Throws: ``DatasetError`` with the file and the line
  public init(contentsOf url: URL) throws {
    let path = url.path
    var scanner = try RowScanner(OpenFile(path))
    var rows: [DatasetRow] = []
    while let scanned = try scanner.next() { rows.append(try ParsedRow(scanned, file: path).row) }
    guard !rows.isEmpty else { throw DatasetError.empty(file: path) }
    self.init(rows, name: path)
  }

  public init(contentsOf path: String) throws { try self.init(contentsOf: URL(filePath: path)) }

  /// SHA-256 over the rows' words, in hexadecimal.
  public var digest: String {
    var digest = RowsDigest()
    for row in rows { digest.add(row.words) }
    return digest.finalize()
  }

  /// The rows as token sequences.
  /// - Parameter maximumLength: longer rows lose their end; a row that has no label left is an error
  public func examples(for base: BaseModel, maximumLength: Int? = nil) throws -> [Example] {
    let encoder = RowEncoder(base)
    return try rows.map { try encoder.encode($0, maximumLength: maximumLength, file: name).example }
  }
}
