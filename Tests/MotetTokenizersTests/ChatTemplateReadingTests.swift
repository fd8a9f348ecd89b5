import MotetTokenizers
import Testing

@Suite struct ChatTemplateReadingTests {
  private let template: ChatTemplate

  init() throws { template = try ChatTemplate(builtIn: "chatml") }

  @Test func whatIsWrittenIsReadAgain() throws {
    let turns = [
      ChatMessage(role: "system", content: "s"), ChatMessage(role: "user", content: " a\n\nb <b> "),
      ChatMessage(role: "assistant", content: "c\r\n"), ChatMessage(role: "user", content: ""),
      ChatMessage(role: "assistant", content: "é😀"),
    ]
    #expect(template.messages(in: try template.text(turns, addGenerationPrompt: false)) == turns)
    #expect(template.messages(in: try template.text(turns, addGenerationPrompt: true)) == turns)
  }

  @Test(arguments: [
    "", "hello", "<|im_start|>", "<|im_start|>user\nhi<|im_end|>", "x<|im_start|>user\nhi<|im_end|>",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\nmore",
    "<|im_start|>user\nhi\n<|im_start|>assistant\nyes<|im_end|>", "<|im_start|>user<|im_end|>",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n \n<|im_end|>",
    "<|im_start|>assistant\nhi<|im_end|>\n<|im_start|>user\nno end",
  ])
  func whatIsNotAConversationFromEndToEndIsNone(text: String) {
    #expect(template.messages(in: text) == nil)
  }

  @Test(arguments: BuiltInTemplate.all.map(\.name) + ChatFixture.names)
  func conversationsAreReadAgainInEveryTemplateThatAllowsIt(name: String) throws {
    let template =
      try BuiltInTemplate.all.contains { $0.name == name }
      ? ChatTemplate(builtIn: name, specialTokens: ChatFixture.tokens) : ChatFixture.template(name)
    let turns = [
      ChatMessage(role: "user", content: "What is\n\n2 + 3?"),
      ChatMessage(role: "assistant", content: "It is 5."),
      ChatMessage(role: "user", content: "Sure?"), ChatMessage(role: "assistant", content: "Yes."),
    ]
    let text = try template.text(turns, addGenerationPrompt: false)
    let read = template.messages(in: text)
    // These write the last turn in another way, or write a date.
    if ["channels", "thinking", "headers", "documents"].contains(name) {
      #expect(
        read == nil || read?.prefix(3).elementsEqual(turns.prefix(3)) == true
          || read?.dropFirst().elementsEqual(turns) == true, "\(name)")
    } else {
      #expect(read?.suffix(4).elementsEqual(turns) == true, "\(name): \(text)")
    }
    #expect(template.messages(in: "Just text.") == nil)
    #expect(template.messages(in: text + "more") == nil)
  }
}
