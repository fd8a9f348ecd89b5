import MotetFormats
import MotetTokenizers

/// The turns of a conversation as rows write them: `role` and `content`, or `from` and `value` (ShareGPT).
struct RowTurns {
  private(set) var messages: [ChatMessage] = []
  /// Positions of the assistant's turns that are marked not to be trained.
  private(set) var untrained: Set<Int> = []
  private(set) var remarks: Set<RowRemark> = []

  /// - Throws: ``DatasetError`` naming the turn, counted from 1
  init(_ list: [WrittenJSON], in row: RowFields, name: String) throws {
    for (index, turn) in list.enumerated() { try add(turn, number: index + 1, in: row) }
  }

  /// Earlier turns as pairs of what the user and the assistant said, or as turns.
  init(history list: [WrittenJSON], in row: RowFields, name: String) throws {
    for (index, element) in list.enumerated() {
      if case .array(let pair) = element {
        guard pair.count == 2, case .string(let asked) = pair[0], case .string(let answered) = pair[1] else {
          throw row.failure("\"\(name)\" is not a list of [user, assistant] pairs (at \(index + 1))")
        }
        messages += [
          ChatMessage(role: "user", content: asked), ChatMessage(role: "assistant", content: answered),
        ]
      } else {
        try add(element, number: index + 1, in: row)
      }
    }
  }

  private mutating func add(_ turn: WrittenJSON, number: Int, in row: RowFields) throws {
    guard case .object(let members) = turn else { throw row.failure("turn \(number) is not an object") }
    let fields = Dictionary(
      members.filter { $0.value != .null }.map { ($0.name, $0.value) },
      uniquingKeysWith: { first, _ in first })
    guard let said = fields["role"] ?? fields["from"], case .string(let spoken) = said else {
      throw row.failure("turn \(number) lacks its role")
    }
    for call in ["tool_calls", "function_call"] {
      if let value = fields[call], !RowFields.isEmpty(value) {
        throw row.failure("turn \(number) calls a tool (\"\(call)\"): tool calls are not trained yet")
      }
    }
    let role = try Self.role(spoken, number: number, in: row)
    guard let value = fields["content"] ?? fields["value"] ?? fields["text"] else {
      throw row.failure("turn \(number) lacks its content")
    }
    guard let content = try RowTurns.text(value, in: row, name: "turn \(number)") else {
      throw row.failure("the content of turn \(number) is not text")
    }
    if role == "assistant" {
      if try !isTrained(fields, number: number, in: row) {
        untrained.insert(messages.count)
        remarks.insert(.untrainedTurns)
      } else if content.allSatisfy(\.isWhitespace) {
        throw row.failure("the response is empty (turn \(number))")
      }
    } else if !["system", "user"].contains(role) {
      remarks.insert(.otherRole(role))
    }
    messages.append(ChatMessage(role: role, content: content))
  }

  /// The role as the template has it.
  private static func role(_ spoken: String, number: Int, in row: RowFields) throws -> String {
    switch spoken.lowercased() {
    case "user", "human", "prompter": return "user"
    case "assistant", "gpt", "chatgpt", "bard", "bing", "claude", "model", "bot": return "assistant"
    case "system", "developer": return "system"
    case "tool", "function", "function_call", "function_response", "observation", "ipython", "tool_call",
      "tool_response":
      throw row.failure("turn \(number) is a tool's (\"\(spoken)\"): tools are not trained yet")
    default:
      guard !spoken.isEmpty, spoken.utf8.count <= 32, !spoken.contains(where: { $0.isNewline || $0 == "<" })
      else {
        throw row.failure("turn \(number) has a role that is not one: \"\(spoken.prefix(40))\"")
      }
      return spoken
    }
  }

  /// `weight: 0` (OpenAI), `train: false` or `training: false` (axolotl), `loss: false` (ms-swift).
  private func isTrained(_ fields: [String: WrittenJSON], number: Int, in row: RowFields) throws -> Bool {
    var isTrained = true
    for mark in ["weight", "train", "training", "loss"] {
      switch fields[mark] {
      case nil: continue
      case .bool(let value)?: isTrained = isTrained && value
      case .number(let text)?:
        guard let value = Double(text), value == 0 || value == 1 else {
          throw row.failure("\"\(mark)\" of turn \(number) is \(text): 0 and 1 are known")
        }
        isTrained = isTrained && value == 1
      case .some: throw row.failure("\"\(mark)\" of turn \(number) is neither true nor false")
      }
    }
    return isTrained
  }

  /// A text, a number as it is written, true or false, or the parts of a text; nil for anything else.
  static func text(_ value: WrittenJSON, in row: RowFields, name: String) throws -> String? {
    switch value {
    case .string(let text), .number(let text): return text
    case .bool(let value): return value ? "true" : "false"
    case .array(let parts):
      if parts.count > 1, parts.contains(where: { if case .object = $0 { false } else { true } }) {
        throw row.failure("\(name) is a list of \(parts.count) texts: give one")
      }
      let texts = try parts.map { part -> String? in
        if case .object = part {
          if case .string(let type)? = part["type"], type != "text", type != "input_text",
            type != "output_text"
          {
            throw row.failure("\(name) has a part of the type \"\(type.prefix(40))\": only text is trained")
          }
          guard case .string(let text)? = part["text"] else { return nil }
          return text
        }
        if case .string(let text) = part { return text }
        return nil
      }
      let found = texts.compactMap { $0 }
      return found.count == parts.count && !found.isEmpty ? found.joined(separator: "\n") : nil
    default: return nil
    }
  }
}

extension WrittenJSON {
  /// Whether it is an object that says whose turn it is.
  var isTurn: Bool { self["role"] != nil || self["from"] != nil }
}
