import Foundation
import MotetTokenizers

/// A row and what else its object says of it.
struct ParsedRow {
  var row: DatasetRow
  /// Its class, when it has a `label`.
  var label: String?
  /// The value of the field that rows are grouped by.
  var group: String?
  /// The names of all its fields, sorted.
  var fields: [String]

  /// - Parameter groupField: the field that ``group`` is read from
  /// - Throws: ``DatasetError`` with the file and the line
  init(_ scanned: RowScanner.Row, file: String, groupField: String? = nil) throws {
    guard let bytes = scanned.bytes else {
      throw DatasetError.malformed(
        file: file, line: scanned.line, problem: "it is longer than \(RowScanner.longestRow >> 20) MB")
    }
    try self.init(bytes, file: file, line: scanned.line, groupField: groupField)
  }

  init(_ bytes: Data, file: String, line: Int, groupField: String? = nil) throws {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw DatasetError.notUTF8(file: file) }
    guard let value = try? JSONSerialization.jsonObject(with: bytes, options: .fragmentsAllowed),
      let object = value as? [String: Any]
    else { throw DatasetError.malformed(file: file, line: line, problem: "it is not a JSON object") }
    let fields = RowFields(object: object, file: file, line: line)
    row = try fields.row()
    label = object["label"] == nil ? nil : try? fields.text("label")
    group = groupField.flatMap { object[$0] == nil ? nil : try? fields.text($0) }
    self.fields = object.keys.sorted()
  }
}

/// The members of a row's object, read as one of the shapes that rows have.
private struct RowFields {
  let object: [String: Any]
  let file: String
  let line: Int

  func row() throws -> DatasetRow {
    if object["messages"] != nil { return try messages() }
    if object["prompt"] != nil { return try pair(text("prompt"), text("response")) }
    if object["instruction"] != nil {
      let input = object["input"] == nil ? "" : try text("input")
      let instruction = try text("instruction")
      return try pair(input.isEmpty ? instruction : "\(instruction)\n\n\(input)", text("output"))
    }
    if object["question"] != nil { return try pair(text("question"), text("answer")) }
    if object["label"] != nil { return try pair(text("text"), text("label")) }
    if object["text"] != nil {
      let plain = try text("text")
      guard !plain.isEmpty else { throw failure("the text is empty") }
      return DatasetRow(.text(plain), line: line)
    }
    throw failure("none of prompt/response, messages, instruction/output, question/answer, text is there")
  }

  func failure(_ problem: String) -> DatasetError {
    .malformed(file: file, line: line, problem: problem)
  }

  /// A text, a number as it is printed, or the first of a list of texts.
  func text(_ key: String) throws -> String {
    guard let value = object[key] else { throw failure("\"\(key)\" is missing") }
    if let number = value as? NSNumber { return number.stringValue }
    if let list = value as? [String], let first = list.first { return first }
    guard let string = value as? String else { throw failure("\"\(key)\" is not text") }
    return string
  }

  private func pair(_ prompt: String, _ response: String) throws -> DatasetRow {
    let problem = prompt.allSatisfy(\.isWhitespace) ? "the prompt" : response.isEmpty ? "the response" : nil
    if let problem { throw failure("\(problem) is empty") }
    return DatasetRow(prompt: prompt, response: response, line: line)
  }

  private func messages() throws -> DatasetRow {
    let list = object["messages"] as? [Any] ?? []
    let messages = try list.map { message in
      guard let message = message as? [String: Any], let role = message["role"] as? String,
        let content = message["content"] as? String
      else { throw failure("a message lacks its role or content") }
      return ChatMessage(role: role, content: content)
    }
    let responses = messages.filter { $0.role == "assistant" }
    guard !responses.isEmpty else { throw failure("no message is the assistant's") }
    guard responses.contains(where: { !$0.content.isEmpty }) else { throw failure("the response is empty") }
    return DatasetRow(.messages(messages), line: line)
  }
}
