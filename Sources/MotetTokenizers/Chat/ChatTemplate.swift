import MotetTemplates

/// The words that a model was trained to see around the turns of a conversation, as a Jinja template.
///
///     let template = try ChatTemplate(builtIn: "chatml")
///     try template.text([ChatMessage(role: "user", content: "Hi")], addGenerationPrompt: true)
///     // <|im_start|>user
///     // Hi<|im_end|>
///     // <|im_start|>assistant
///
/// Templates are run, as `apply_chat_template` of `transformers` runs them, and give the same text. A base without a
/// template has none: make one from a file or by name. System prompts, tools and reasoning are the template's own
/// business.
public struct ChatTemplate: Sendable {
  /// The template in Jinja.
  public let source: String
  /// Further templates, by name: `tool_use` takes the place of the template when tools are given.
  public let named: [String: String]
  /// What stands around the turns; nil for templates that write no conversation that was tried.
  public let markers: ChatMarkers?

  private let renderer: ChatRenderer

  /// - Parameters:
  ///   - source: the template in Jinja
  ///   - origin: what errors call it, such as its file
  /// - Throws: ``ChatTemplateError/malformed(origin:_:)`` with the place of what cannot be read
  public init(
    jinja source: String, named: [String: String] = [:], specialTokens: [String: String] = [:],
    arguments: [String: ChatArgument] = [:], origin: String = "given"
  ) throws {
    func compile(_ source: String) throws -> Template {
      do {
        return try Template(source)
      } catch let error as TemplateError {
        throw ChatTemplateError.malformed(origin: origin, error)
      }
    }
    self.source = source
    self.named = named
    var renderer = ChatRenderer(
      template: try compile(source), templateForTools: try named["tool_use"].map(compile),
      specialTokens: specialTokens, arguments: arguments)
    renderer.findContentForm()
    self.renderer = renderer
    markers = ChatMarkers(renderer)
  }

  /// How the tokenizer's special tokens are written, by the names that templates know: `bos_token`, `eos_token`.
  public var specialTokens: [String: String] { renderer.specialTokens }

  /// Whether the template writes contents only when they are lists of parts: texts are given to it as lists of one.
  public var wantsParts: Bool { renderer.contentForm == .parts }

  /// Whether the template writes contents that are lists of parts as it writes texts: to others the parts are given joined.
  public var takesParts: Bool { renderer.contentForm != .joined }

  /// Whether the template says by `{% generation %}` what the model writes itself.
  public var hasGeneration: Bool { renderer.template.hasGeneration }

  /// Variables that are given in every rendering.
  public var arguments: [String: ChatArgument] { renderer.arguments }

  /// What ends an assistant's turn, as it is written; nil when the template writes nothing there.
  public var endOfTurnText: String? { markers?.endOfTurn }

  /// What begins a turn, as it is written; nil when the template writes nothing there.
  public var startOfTurnText: String? { markers?.startOfTurn }

  /// The same template with further variables, such as `enable_thinking`, which are given in every rendering.
  public func setting(_ more: [String: ChatArgument]) throws -> ChatTemplate {
    try ChatTemplate(
      jinja: source, named: named, specialTokens: specialTokens,
      arguments: arguments.merging(more) { $1 })
  }

  /// The conversation as the model's template writes it; with `addGenerationPrompt` the head of the
  /// assistant's turn follows.
  /// - Throws: ``ChatTemplateError/refused(_:message:)`` in the template's words, ``ChatTemplateError/failed(_:)``
  public func text(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, inputs: ChatInputs = ChatInputs()
  ) throws -> String {
    try rendered(messages, addGenerationPrompt: addGenerationPrompt, inputs: inputs).string
  }

  /// The text with the origin of every stretch, in the numbers of ``ChatOrigin``.
  func rendered(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, inputs: ChatInputs = ChatInputs()
  ) throws -> TemplateText {
    try renderer.rendered(messages, addGenerationPrompt: addGenerationPrompt, inputs: inputs)
  }
}

extension ChatTemplate: Equatable {
  /// Whether the templates are the same; the special tokens are the tokenizer's, and are not compared.
  public static func == (left: ChatTemplate, right: ChatTemplate) -> Bool {
    left.source == right.source && left.named == right.named && left.arguments == right.arguments
  }
}
