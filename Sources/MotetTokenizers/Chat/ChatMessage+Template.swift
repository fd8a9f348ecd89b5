import MotetFormats
import MotetTemplates

/// Where text of a conversation comes from, as the template's text remembers it.
enum ChatOrigin {
  /// The role of the message number `index`.
  static func role(of index: Int) -> TemplateText.Origin { .init(rawValue: Int32(clamping: 2 + 2 * index)) }

  /// Anything else that the message number `index` holds.
  static func text(of index: Int) -> TemplateText.Origin { .init(rawValue: Int32(clamping: 3 + 2 * index)) }

  /// The message whose text it is; nil for roles and for everything else.
  static func message(of origin: TemplateText.Origin) -> Int? {
    let value = Int(origin.rawValue)
    return value >= 3 && value % 2 == 1 ? (value - 3) / 2 : nil
  }

  /// The message whose role it is.
  static func roleMessage(of origin: TemplateText.Origin) -> Int? {
    let value = Int(origin.rawValue)
    return value >= 2 && value % 2 == 0 ? (value - 2) / 2 : nil
  }
}

extension ChatMessage {
  /// Roles that templates write into their own markers, as in `<|` + role + `|>`: they count as the template's words.
  /// Any other role is content.
  static let knownRoles: Set<String> = [
    "system", "user", "assistant", "tool", "developer", "function", "ipython", "model", "observation",
    "environment",
  ]

  /// The forms in which templates want contents and arguments.
  struct Form {
    /// The arguments of calls as JSON text, as OpenAI's clients send them; else as the object they are, as in the
    /// examples of `transformers`.
    var argumentsAsText = false
    var content = ContentForm.asGiven

    enum ContentForm { case asGiven, joined, parts }
  }

  /// The message as templates take it; members that are not set are missing.
  func value(at index: Int, in form: Form) throws -> TemplateValue {
    let text = ChatOrigin.text(of: index)
    var body = body
    switch (form.content, body) {
    case (.joined, .parts): body = .text(content)
    case (.parts, .text(let content)): body = .parts([content])
    default: break
    }
    var members: [(name: String, value: TemplateValue)] = [
      ("role", .string(role, from: ChatOrigin.role(of: index)))
    ]
    switch body {
    case .nothing: break
    case .text(let content): members.append(("content", .string(content, from: text)))
    case .parts(let parts):
      let values = try parts.map {
        try TemplateValue.mapping(
          [("type", .string("text", from: .template)), ("text", .string($0, from: text))], names: .template)
      }
      members.append(("content", try .array(values)))
    }
    if let reasoning {
      // Templates of gpt-oss read `thinking`; `transformers` gives both.
      for key in ["thinking", "reasoning_content"] {
        members.append((key, .string(reasoning, from: text)))
      }
    }
    if !toolCalls.isEmpty {
      members.append(("tool_calls", try .array(toolCalls.map { try $0.value(from: text, in: form) })))
    }
    if let toolCallID { members.append(("tool_call_id", .string(toolCallID, from: text))) }
    if let name { members.append(("name", .string(name, from: text))) }
    return try .mapping(members, names: .template)
  }
}

extension ChatMessage.ToolCall {
  fileprivate func value(
    from origin: TemplateText.Origin, in form: ChatMessage.Form
  ) throws -> TemplateValue {
    var given = TemplateValue.string(arguments, from: origin)
    if !form.argumentsAsText, let object = try? TemplateValue(json: arguments, from: origin),
      case .mapping = object
    {
      given = object
    }
    let function = try TemplateValue.mapping(
      [("name", .string(name, from: origin)), ("arguments", given)], names: .template)
    var members: [(name: String, value: TemplateValue)] = []
    if let id { members.append(("id", .string(id, from: origin))) }
    members.append(("type", .string("function", from: .template)))
    members.append(("function", function))
    return try .mapping(members, names: .template)
  }
}
