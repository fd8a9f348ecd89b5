import Foundation
import MotetTemplates

/// What a chat template is given besides the messages.
///
///     ChatInputs(tools: #"[{"type": "function", "function": {"name": "add"}}]"#, arguments: ["enable_thinking": .bool(false)])
public struct ChatInputs: Sendable, Equatable {
  /// The definitions of the functions that the model may call, as a JSON list.
  public var tools: String?
  /// Documents to answer from, as a JSON list of objects with a `title` and a `text`.
  public var documents: String?
  /// Further variables, as a template's author names them: `enable_thinking`, `date_string`.
  public var arguments: [String: ChatArgument]
  /// The day that templates write into the system prompt; nil: today.
  public var date: Date?

  public init(
    tools: String? = nil, documents: String? = nil, arguments: [String: ChatArgument] = [:], date: Date? = nil
  ) {
    self.tools = tools
    self.documents = documents
    self.arguments = arguments
    self.date = date
  }
}

/// A variable of a chat template.
public enum ChatArgument: Sendable, Equatable {
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// Anything else, as JSON text.
  case json(String)

  /// As the command line gives it: JSON where it is JSON, and a string otherwise.
  public init(parsing text: String) {
    self = (try? TemplateValue(json: text)) == nil ? .string(text) : .json(text)
  }

  func value(named name: String) throws -> TemplateValue {
    switch self {
    case .bool(let bool): .bool(bool)
    case .int(let int): .int(int)
    case .double(let double): .float(double)
    case .string(let string): .string(string)
    case .json(let text): try Self.value(text, named: name)
    }
  }

  static func value(_ json: String, named name: String) throws -> TemplateValue {
    do {
      return try TemplateValue(json: json, named: name)
    } catch {
      throw ChatTemplateError.malformedArgument(name: name, reason: "\(error)")
    }
  }
}
