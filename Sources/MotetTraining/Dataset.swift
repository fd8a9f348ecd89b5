import Crypto
import Foundation
import MotetFormats
import MotetModels
import MotetTokenizers

/// Rows of data read from JSONL or JSON.
///
///     let data = try Dataset(contentsOf: "math.jsonl")
///
/// The shape of the rows is found by looking: `{"prompt","response"}`, `{"messages":[…]}`,
/// `{"instruction","input","output"}`, `{"question","answer"}`, `{"text","label"}` or `{"text"}`.
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
    name = url.path
    let data: Data
    do { data = try Data(contentsOf: url) } catch {
      throw DatasetError.unreadable(file: url.path)
    }
    guard String(validating: data, as: UTF8.self) != nil else { throw DatasetError.notUTF8(file: url.path) }
    let objects =
      data.first { !$0.isWhiteSpace } == UInt8(ascii: "[")
      ? try Self.array(data, file: url.path) : try Self.lines(data, file: url.path)
    rows = try objects.map { try Self.row($0.object, file: url.path, line: $0.line) }
    guard !rows.isEmpty else { throw DatasetError.empty(file: url.path) }
  }

  public init(contentsOf path: String) throws { try self.init(contentsOf: URL(filePath: path)) }

  /// SHA-256 over the rows' words, in hexadecimal.
  public var digest: String {
    var sha = SHA256()
    for row in rows {
      switch row.content {
      case .text(let text): sha.update(data: Data(text.utf8))
      case .messages(let messages):
        for message in messages { sha.update(data: Data("\(message.role)\u{0}\(message.content)\u{0}".utf8)) }
      }
      sha.update(data: Data([0xff]))
    }
    return sha.finalize().map { String(format: "%02x", $0) }.joined()
  }

  /// The rows as token sequences.
  /// - Parameter maximumLength: longer rows lose their end; a row that has no label left is an error
  public func examples(for base: BaseModel, maximumLength: Int? = nil) throws -> [Example] {
    let limit = maximumLength ?? base.configuration.maximumPositions
    return try rows.map { row in
      var tokens: [Int32]
      var labelled: [Bool]
      switch row.content {
      case .text(let text):
        tokens = base.tokenizer.encode(text)
        labelled = tokens.indices.map { $0 > 0 }
      case .messages(let messages):
        (tokens, labelled) = try base.template.encode(
          messages, with: base.tokenizer, addGenerationPrompt: false)
      }
      if tokens.count > limit, maximumLength == nil {
        throw DatasetError.tooLong(file: name, line: row.line, tokens: tokens.count, limit: limit)
      }
      tokens = Array(tokens.prefix(limit))
      labelled = Array(labelled.prefix(limit))
      guard labelled.contains(true) else { throw DatasetError.nothingToLearn(file: name, line: row.line) }
      return Example(tokens: tokens, labelled: labelled, line: row.line)
    }
  }
}

extension UInt8 {
  fileprivate var isWhiteSpace: Bool { self == 32 || (9...13).contains(self) }
}

extension Dataset {
  private static func array(_ data: Data, file: String) throws -> [(object: [String: Any], line: Int)] {
    guard let list = try? JSONSerialization.jsonObject(with: data) as? [Any] else {
      throw DatasetError.malformed(file: file, line: 1, problem: "it begins like a JSON list but is not one")
    }
    return try list.enumerated().map { index, element in
      guard let object = element as? [String: Any] else {
        throw DatasetError.malformed(file: file, line: index + 1, problem: "the element is not an object")
      }
      return (object, index + 1)
    }
  }

  private static func lines(_ data: Data, file: String) throws -> [(object: [String: Any], line: Int)] {
    var objects: [(object: [String: Any], line: Int)] = []
    for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated()
    {
      if line.allSatisfy(\.isWhiteSpace) { continue }
      guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any] else {
        throw DatasetError.malformed(file: file, line: index + 1, problem: "it is not a JSON object")
      }
      objects.append((object, index + 1))
    }
    return objects
  }

  private static func row(_ object: [String: Any], file: String, line: Int) throws -> DatasetRow {
    func text(_ key: String) throws -> String {
      guard let value = object[key] else {
        throw DatasetError.malformed(file: file, line: line, problem: "\"\(key)\" is missing")
      }
      if let number = value as? NSNumber { return number.stringValue }
      if let list = value as? [String], let first = list.first { return first }
      guard let string = value as? String else {
        throw DatasetError.malformed(file: file, line: line, problem: "\"\(key)\" is not text")
      }
      return string
    }
    func pair(_ prompt: String, _ response: String) throws -> DatasetRow {
      let problem = prompt.allSatisfy(\.isWhitespace) ? "the prompt" : response.isEmpty ? "the response" : nil
      if let problem { throw DatasetError.malformed(file: file, line: line, problem: "\(problem) is empty") }
      return DatasetRow(prompt: prompt, response: response, line: line)
    }
    if object["messages"] != nil { return try messages(object, file: file, line: line) }
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
      guard !plain.isEmpty else {
        throw DatasetError.malformed(file: file, line: line, problem: "the text is empty")
      }
      return DatasetRow(.text(plain), line: line)
    }
    throw DatasetError.malformed(
      file: file, line: line,
      problem: "none of prompt/response, messages, instruction/output, question/answer, text is there")
  }

  private static func messages(_ object: [String: Any], file: String, line: Int) throws -> DatasetRow {
    let list = object["messages"] as? [[String: Any]] ?? []
    let messages = try list.map { message in
      guard let role = message["role"] as? String, let content = message["content"] as? String else {
        throw DatasetError.malformed(file: file, line: line, problem: "a message lacks its role or content")
      }
      return ChatMessage(role: role, content: content)
    }
    guard messages.contains(where: { $0.role == "assistant" }) else {
      throw DatasetError.malformed(file: file, line: line, problem: "no message is the assistant's")
    }
    return DatasetRow(.messages(messages), line: line)
  }
}

public enum DatasetError: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String)
  case notUTF8(file: String)
  case empty(file: String)
  case malformed(file: String, line: Int, problem: String)
  case tooLong(file: String, line: Int, tokens: Int, limit: Int)
  case nothingToLearn(file: String, line: Int)

  public var description: String {
    switch self {
    case .unreadable(let file): "cannot read \(file): check the path"
    case .notUTF8(let file): "\(file) is not UTF-8 text: convert it first"
    case .empty(let file): "\(file) has no rows"
    case .malformed(let file, let line, let problem): "\(file), row \(line): \(problem)"
    case .tooLong(let file, let line, let tokens, let limit):
      "\(file), row \(line): \(tokens) tokens, and the model's context is \(limit); "
        + "shorten it, or cut rows with --max-length"
    case .nothingToLearn(let file, let line):
      "\(file), row \(line): no token of a response is left to learn from"
    }
  }
}
