import Foundation
import MotetTemplates

/// Renders conversations with a template, with the variables that `transformers` gives it.
struct ChatRenderer: Sendable {
  let template: Template
  /// What takes its place when tools are given.
  let templateForTools: Template?
  let specialTokens: [String: String]
  let arguments: [String: ChatArgument]
  /// The form in which the template takes contents: see ``findContentForm()``.
  var contentForm = ChatMessage.Form.ContentForm.asGiven

  /// Finds the form in which the template takes contents.
  ///
  /// Some templates go through the parts of a content and write nothing of a text: they are given lists of one part. Others
  /// take a text only, and fail with a list, leave it out or print it as a list: they are given the parts joined.
  mutating func findContentForm() {
    let text = ChatMessage(role: "user", content: "one")
    let parts = ChatMessage(role: "user", parts: ["one"])
    func written(_ message: ChatMessage) -> TemplateText? {
      guard let text = try? rendered([message], addGenerationPrompt: false),
        text.runs.contains(where: { ChatOrigin.message(of: $0.origin) == 0 })
      else { return nil }
      return text
    }
    contentForm = .asGiven
    let (ofText, ofParts) = (written(text), written(parts))
    contentForm = ofText == nil && ofParts != nil ? .parts : ofText == ofParts ? .asGiven : .joined
  }

  /// The text with the origin of every stretch, in the numbers of ``ChatOrigin``.
  ///
  /// The arguments of calls are given as objects, and as text to a template that fails with these.
  /// - Throws: ``ChatTemplateError``
  func rendered(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, inputs: ChatInputs = ChatInputs()
  ) throws -> TemplateText {
    let form = ChatMessage.Form(content: contentForm)
    do {
      return try rendered(messages, addGenerationPrompt, inputs, in: form)
    } catch let error as ChatTemplateError {
      guard case .failed = error, messages.contains(where: { !$0.toolCalls.isEmpty }),
        let text = try? rendered(
          messages, addGenerationPrompt, inputs,
          in: ChatMessage.Form(argumentsAsText: true, content: contentForm))
      else { throw error }
      return text
    }
  }

  private func rendered(
    _ messages: [ChatMessage], _ addGenerationPrompt: Bool, _ inputs: ChatInputs, in form: ChatMessage.Form
  ) throws -> TemplateText {
    var variables = specialTokens.mapValues { TemplateValue.string($0, from: .template) }
    for (name, argument) in arguments.merging(inputs.arguments, uniquingKeysWith: { $1 }) {
      variables[name] = try argument.value(named: name)
    }
    variables["add_generation_prompt"] = .bool(addGenerationPrompt)
    variables["tools"] = try inputs.tools.map { try ChatArgument.value($0, named: "tools") } ?? .null
    variables["documents"] =
      try inputs.documents.map { try ChatArgument.value($0, named: "documents") } ?? .null
    variables["messages"] = try .array(messages.enumerated().map { try $1.value(at: $0, in: form) })
    do {
      return try (inputs.tools == nil ? template : templateForTools ?? template).render(
        variables, limits: TemplateLimits(conversation: messages.byteCount + inputs.byteCount),
        now: inputs.date ?? Date())
    } catch let error as TemplateError {
      guard case .raised(let place, let message) = error else { throw ChatTemplateError.failed(error) }
      throw ChatTemplateError.refused(place, message: message)
    }
  }
}

extension [ChatMessage] {
  /// About how many bytes the messages have.
  fileprivate var byteCount: Int {
    reduce(0) { count, message in
      let calls = message.toolCalls.reduce(0) { $0 + $1.name.utf8.count + $1.arguments.utf8.count }
      return count + message.content.utf8.count + (message.reasoning?.utf8.count ?? 0) + calls + 64
    }
  }
}

extension ChatInputs {
  fileprivate var byteCount: Int { (tools?.utf8.count ?? 0) + (documents?.utf8.count ?? 0) }
}
