import MotetTemplates

/// Why a chat template could not be read or used.
public enum ChatTemplateError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(file: String, reason: String)
  /// The template `origin` is not one that can be read here.
  case malformed(origin: String, TemplateError)
  /// There is none with that name among those that Motet brings along.
  case unknownBuiltIn(String)
  /// There are several templates with names, and none of them is the default.
  case noDefault(origin: String, names: [String])
  /// The template refuses the conversation in its own words, by `raise_exception`.
  case refused(TemplatePlace, message: String)
  /// The template cannot be rendered for the conversation.
  case failed(TemplateError)
  /// The template ends or begins turns with a token that the vocabulary lacks.
  case missingToken(String)
  /// It cannot be told which tokens of the assistant's turn are its own. `turn` counts messages from 1.
  case cannotLabel(turn: Int, reason: String)
  /// The template writes nothing of a message that says something. `turn` counts messages from 1.
  case leftOut(turn: Int)
  /// A message is not as OpenAI's format has it.
  case malformedMessage(reason: String)
  /// An argument of the template, or its tools, is not JSON.
  case malformedArgument(name: String, reason: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "cannot read the chat template \(file): \(reason)"
    case .malformed(let origin, let error):
      "the chat template \(origin) cannot be read: \(error); use plain prompts, or give another template "
        + "(--chat-template FILE or NAME)"
    case .unknownBuiltIn(let name):
      "there is no built-in chat template '\(name)': give a file or one of "
        + BuiltInTemplate.all.map(\.name).joined(separator: ", ")
    case .noDefault(let origin, let names):
      "\(origin) holds the chat templates \(names.joined(separator: ", ")) and none is the default: give one by "
        + "--chat-template FILE"
    case .refused(_, let message):
      "the chat template refuses the conversation: \(message); \(Self.mend(message))"
    case .failed(let error):
      "the chat template cannot write the conversation: \(error); give another template (--chat-template FILE or NAME)"
    case .missingToken(let token):
      "the chat template needs the token '\(token)', which the vocabulary lacks: template and tokenizer do "
        + "not belong together"
    case .cannotLabel(let turn, let reason):
      "the assistant's turn (message \(turn)) cannot be labelled: \(reason); give a template with "
        + "{% generation %} blocks (--chat-template FILE)"
    case .leftOut(let turn):
      "the chat template leaves out the assistant's turn (message \(turn)), or the calls that it makes: give a template "
        + "that writes them (--chat-template FILE or NAME)"
    case .malformedMessage(let reason): "malformed message: \(reason)"
    case .malformedArgument(let name, let reason): "malformed \(name) for the chat template: \(reason)"
    }
  }

  /// What to do about a conversation that a template refuses.
  private static func mend(_ message: String) -> String {
    let words = message.lowercased()
    if words.contains("system") { return "put the system prompt into the first user turn" }
    if words.contains("alternate") { return "join turns of one role, so that user and assistant alternate" }
    if words.contains("tool") { return "check the tool calls and their results" }
    return "change the conversation as it asks, or give another template (--chat-template FILE or NAME)"
  }
}
