/// One turn of a conversation, with the members that OpenAI's format gives it.
///
///     ChatMessage(role: "user", content: "What is 2 + 3?")
///     ChatMessage(role: "assistant", toolCalls: [.init(name: "add", arguments: #"{"a": 2, "b": 3}"#)])
///     ChatMessage(role: "tool", content: "5", name: "add")
public struct ChatMessage: Sendable, Equatable {
  /// `system`, `user`, `assistant`, `tool`, or another role the model was trained with.
  public var role: String
  /// What the turn says, as the template is given it.
  var body: Body
  /// What the model thought before it answered: `reasoning_content`.
  public var reasoning: String?
  /// The functions that an assistant's turn calls.
  public var toolCalls: [ToolCall]
  /// In a tool's turn: the call that it answers.
  public var toolCallID: String?
  /// The name of the tool that answers, or of the speaker.
  public var name: String?

  /// What a turn says: nothing, one text, or several.
  enum Body: Sendable, Equatable {
    case nothing
    case text(String)
    case parts([String])
  }

  /// A call of a function.
  public struct ToolCall: Sendable, Equatable {
    public var id: String?
    public var name: String
    /// The arguments as a JSON object, in the order they are written in.
    public var arguments: String

    public init(id: String? = nil, name: String, arguments: String) {
      self.id = id
      self.name = name
      self.arguments = arguments
    }
  }

  public init(role: String, content: String) {
    self.init(role: role, body: .text(content))
  }

  /// A turn whose content is a list of texts: `[{"type": "text", "text": …}, …]`.
  public init(role: String, parts: [String]) {
    self.init(role: role, body: .parts(parts))
  }

  /// A turn with any of the members.
  /// - Parameter content: nil for a turn that only calls functions
  public init(
    role: String, content: String? = nil, reasoning: String? = nil, toolCalls: [ToolCall] = [],
    toolCallID: String? = nil, name: String? = nil
  ) {
    self.init(role: role, body: content.map { .text($0) } ?? .nothing)
    self.reasoning = reasoning
    self.toolCalls = toolCalls
    self.toolCallID = toolCallID
    self.name = name
  }

  private init(role: String, body: Body) {
    self.role = role
    self.body = body
    toolCalls = []
  }

  /// The text of the turn: its parts joined, and an empty string where it has none. Setting it replaces them.
  public var content: String {
    get {
      switch body {
      case .nothing: ""
      case .text(let text): text
      case .parts(let parts): parts.joined()
      }
    }
    set { body = .text(newValue) }
  }

  /// The texts of a content that is a list; nil for others.
  public var parts: [String]? { if case .parts(let parts) = body { parts } else { nil } }

  /// Whether the turn says something that a template has to write: white space and reasoning may be left out.
  var hasText: Bool {
    !toolCalls.isEmpty || content.unicodeScalars.contains { !$0.properties.isWhitespace }
  }
}
