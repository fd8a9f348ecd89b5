import MotetFormats
import MotetTokenizers

/// Reads a conversation as OpenAI's clients send it.
enum ChatMessages {
  static func read(
    _ fields: RequestFields, _ name: String, _ limits: ServerLimits
  ) throws -> [ChatMessage] {
    let count = try fields.array(name)?.count ?? 0
    guard count <= limits.messages else {
      throw fields.failure(name, "has \(count) messages: give at most \(limits.messages)")
    }
    guard let messages = try fields.objects(name) else {
      throw fields.failure(name, "is missing: give a list")
    }
    guard !messages.isEmpty else { throw fields.failure(name, "is empty: give a message") }
    return try messages.map { try message($0, limits) }
  }

  private static func message(_ fields: RequestFields, _ limits: ServerLimits) throws -> ChatMessage {
    try fields.refuse(["tool_calls", "function_call", "audio"])
    let role = try fields.required("role")
    switch role {
    case "system", "user", "assistant": return ChatMessage(role: role, content: try content(fields, limits))
    case "developer": return ChatMessage(role: "system", content: try content(fields, limits))
    case "tool", "function":
      throw fields.failure("role", "is \(role): tools are not supported here; send their results as the user")
    default: throw fields.failure("role", "is \"\(role.shown(40))\": give system, user or assistant")
    }
  }

  /// A text, or parts that are text.
  private static func content(_ fields: RequestFields, _ limits: ServerLimits) throws -> String {
    guard let value = fields["content"] else { throw fields.failure("content", "is missing: give a text") }
    if let text = value.stringValue { return text }
    guard case .array = value, let parts = try fields.objects("content") else {
      throw fields.failure("content", "must be a string or a list of parts")
    }
    guard parts.count <= limits.contentParts else {
      throw fields.failure("content", "has \(parts.count) parts: give at most \(limits.contentParts)")
    }
    guard !parts.isEmpty else { throw fields.failure("content", "is an empty list: give a part") }
    return try parts.map { part in
      let type = try part.required("type")
      guard type == "text" else {
        throw part.failure("type", "is \"\(type.shown(40))\": only text is read here")
      }
      return try part.required("text")
    }.joined(separator: "\n")
  }
}
