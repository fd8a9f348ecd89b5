import MotetFormats

extension ChatMessage: Codable {
  private enum CodingKeys: String, CodingKey {
    case role, content, name, reasoning, thinking
    case reasoningContent = "reasoning_content"
    case toolCalls = "tool_calls"
    case toolCallID = "tool_call_id"
  }

  /// Reads OpenAI's format. The reasoning may also be called `reasoning` or `thinking`.
  ///
  /// Decoders lose the order of an object's members: the arguments of a call that are an object, not a string that holds
  /// one, are sorted by name.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(role: try container.decode(String.self, forKey: .role))
    if let content = try container.decodeIfPresent(Content.self, forKey: .content) { body = content.body }
    for key in [CodingKeys.reasoningContent, .thinking, .reasoning] where reasoning == nil {
      reasoning = try container.decodeIfPresent(String.self, forKey: key)
    }
    toolCalls = try container.decodeIfPresent([ToolCall].self, forKey: .toolCalls) ?? []
    toolCallID = try container.decodeIfPresent(String.self, forKey: .toolCallID)
    name = try container.decodeIfPresent(String.self, forKey: .name)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(role, forKey: .role)
    switch body {
    case .nothing: break
    case .text(let text): try container.encode(text, forKey: .content)
    case .parts(let parts): try container.encode(parts.map(Part.init), forKey: .content)
    }
    try container.encodeIfPresent(reasoning, forKey: .reasoningContent)
    if !toolCalls.isEmpty { try container.encode(toolCalls, forKey: .toolCalls) }
    try container.encodeIfPresent(toolCallID, forKey: .toolCallID)
    try container.encodeIfPresent(name, forKey: .name)
  }

  /// A text, or a list of parts that are texts.
  private struct Content: Decodable {
    let body: Body

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      body =
        try (try? container.decode(String.self)).map { .text($0) }
        ?? .parts(container.decode([Part].self).map(\.text))
    }
  }

  private struct Part: Codable {
    var type = "text"
    let text: String

    init(_ text: String) { self.text = text }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      type = try container.decode(String.self, forKey: .type)
      guard type == "text" else {
        throw DecodingError.dataCorruptedError(
          forKey: .type, in: container,
          debugDescription: "a part is of type '\(type)': only text is read here")
      }
      text = try container.decode(String.self, forKey: .text)
    }

    private enum CodingKeys: String, CodingKey { case type, text }
  }
}

extension ChatMessage.ToolCall: Codable {
  private enum CodingKeys: String, CodingKey { case id, type, function }

  private struct Function: Codable {
    let name: String
    let arguments: Arguments?
  }

  private struct Arguments: Codable {
    let text: String

    init(_ text: String) { self.text = text }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      text = try (try? container.decode(String.self)) ?? container.decode(DecodedJSON.self).value.text
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(text)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let function = try container.decode(Function.self, forKey: .function)
    self.init(
      id: try container.decodeIfPresent(String.self, forKey: .id), name: function.name,
      arguments: function.arguments?.text ?? "{}")
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(id, forKey: .id)
    try container.encode("function", forKey: .type)
    try container.encode(Function(name: name, arguments: Arguments(arguments)), forKey: .function)
  }
}

/// Any JSON value, from a decoder.
private struct DecodedJSON: Decodable {
  let value: WrittenJSON

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: Key.self) {
      let keys = container.allKeys.sorted { $0.stringValue < $1.stringValue }
      value = .object(
        try keys.map { key in
          WrittenJSON.Member(
            name: key.stringValue, value: try container.decode(DecodedJSON.self, forKey: key).value)
        })
      return
    }
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      value = .null
    } else if let bool = try? container.decode(Bool.self) {
      value = .bool(bool)
    } else if let integer = try? container.decode(Int.self) {
      value = .number(String(integer))
    } else if let number = try? container.decode(Double.self) {
      value = .number(String(number))
    } else if let string = try? container.decode(String.self) {
      value = .string(string)
    } else {
      value = .array(try container.decode([DecodedJSON].self).map(\.value))
    }
  }
}

extension WrittenJSON {
  /// The value as text, on one line and in its order.
  package var text: String {
    switch self {
    case .null: "null"
    case .bool(let bool): bool ? "true" : "false"
    case .number(let number): number
    case .string(let string): JSONValue.string(string).text()
    case .array(let elements): "[" + elements.map(\.text).joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.map { JSONValue.string($0.name).text() + ": " + $0.value.text }.joined(separator: ", ")
        + "}"
    }
  }
}

extension ChatMessage {
  /// Reads a message as OpenAI's format has it, with the arguments of calls in the order they are written in.
  /// - Throws: ``ChatTemplateError/malformedMessage(reason:)``
  package init(_ json: WrittenJSON) throws {
    func failure(_ reason: String) -> ChatTemplateError { .malformedMessage(reason: reason) }
    func string(_ name: String) throws -> String? {
      switch json[name] {
      case nil, .null?: return nil
      case .string(let string)?: return string
      default: throw failure("'\(name)' is not a string")
      }
    }
    guard let role = try string("role") else { throw failure("'role' is missing") }
    self.init(role: role)
    switch json["content"] {
    case nil, .null?: break
    case .string(let content)?: self.content = content
    case .array(let parts)?:
      body = .parts(
        try parts.map { part in
          guard case .string("text")? = part["type"], case .string(let text)? = part["text"] else {
            throw failure("a part of 'content' is not a text")
          }
          return text
        })
    default: throw failure("'content' is neither a string nor a list of parts")
    }
    reasoning = try string("reasoning_content") ?? string("thinking") ?? string("reasoning")
    toolCallID = try string("tool_call_id")
    name = try string("name")
    switch json["tool_calls"] {
    case nil, .null?: break
    case .array(let calls)?:
      toolCalls = try calls.map { call in
        guard case .string(let name)? = call["function"]?["name"] else {
          throw failure("a member of 'tool_calls' has no function with a name")
        }
        var id: String?
        if case .string(let given)? = call["id"] { id = given }
        return switch call["function"]?["arguments"] {
        case nil, .null?: ToolCall(id: id, name: name, arguments: "{}")
        case .string(let text)?: ToolCall(id: id, name: name, arguments: text)
        case let object?: ToolCall(id: id, name: name, arguments: object.text)
        }
      }
    default: throw failure("'tool_calls' is not a list")
    }
  }
}
