import Foundation
import MotetFormats
import MotetTokenizers

/// The templates of `Tests/Fixtures/templates`, and what `Tests/Fixtures/templates.py` made of them with
/// `apply_chat_template` of `transformers`.
struct ChatFixture {
  struct Chat {
    let messages: [ChatMessage]
    let inputs: ChatInputs
  }

  struct Row: Decodable {
    let name: String
    let chat: Int
    let prompt: Bool
    /// nil: the template refuses the conversation.
    let text: String?
    let ids: [Int32]?
    /// What `{% generation %}` marks; nil for templates without.
    let mask: [Int]?
  }

  static let folder = TokenizerFixtures.folder.appending(path: "templates")
  static let tokens = ["bos_token": "<|bos|>", "eos_token": "<|eos|>"]
  /// The date that the fixtures were made with, on this machine's calendar.
  static let date = Calendar(identifier: .gregorian).date(
    from: DateComponents(year: 2026, month: 2, day: 3, hour: 4, minute: 5, second: 6))
  static let names = [
    "alternating", "channels", "documents", "generation", "headers", "instructions", "parts", "roles",
    "schemas",
    "stripped", "thinking", "words",
  ]
  /// Where `templates.py full` put what it made of real templates, which are not part of this repository.
  static let realTemplates = ProcessInfo.processInfo.environment["MOTET_TEMPLATES"].map { URL(filePath: $0) }

  static func template(_ name: String) throws -> ChatTemplate {
    try ChatTemplate(
      jinja: String(contentsOf: folder.appending(path: "\(name).jinja"), encoding: .utf8),
      specialTokens: tokens)
  }

  static func tokenizer() throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: folder.appending(path: "tokenizer.json"))
  }

  /// The conversations and the renderings of a fixture.
  static func read() throws -> (chats: [Chat], rows: [Row]) {
    struct Rows: Decodable { let rows: [Row] }
    let data = try Data(contentsOf: folder.appending(path: "chats.json"))
    return (
      try chats(json(data, named: "chats.json")["chats"]),
      try JSONDecoder().decode(Rows.self, from: data).rows
    )
  }

  /// The conversations, in the order of the file's members.
  static func chats(_ json: WrittenJSON?) throws -> [Chat] {
    guard case .array(let chats)? = json else { return [] }
    return try chats.map { chat in
      guard case .array(let messages)? = chat["messages"] else {
        return Chat(messages: [], inputs: ChatInputs())
      }
      var arguments: [String: ChatArgument] = [:]
      if case .object(let members)? = chat["kwargs"] {
        for member in members { arguments[member.name] = .json(member.value.text) }
      }
      return Chat(
        messages: try messages.map { try ChatMessage($0) },
        inputs: ChatInputs(
          tools: chat["tools"]?.text, documents: chat["documents"]?.text, arguments: arguments, date: date))
    }
  }

  static func json(_ data: Data, named name: String) throws -> WrittenJSON {
    try data.withUnsafeBytes { bytes throws(JSONTextError) in try WrittenJSON(parsing: bytes, named: name) }
  }
}

extension ChatTemplate {
  /// The text of the labelled tokens, a string for each stretch.
  func labelled(
    _ messages: [ChatMessage], with tokenizer: Tokenizer, unlabelled: Set<Int> = [],
    inputs: ChatInputs = ChatInputs()
  ) throws -> [String] {
    let (tokens, labels) = try encode(
      messages, with: tokenizer, addGenerationPrompt: false, unlabelled: unlabelled, inputs: inputs)
    var stretches: [[Int32]] = []
    for (index, token) in tokens.enumerated() where labels[index] {
      if index > 0, labels[index - 1] {
        stretches[stretches.count - 1].append(token)
      } else {
        stretches.append([token])
      }
    }
    return stretches.map { tokenizer.decode($0) }
  }
}
