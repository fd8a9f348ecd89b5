import MotetTokenizers
import Testing

@Suite struct ChatTemplateReadingTests {
  private let template = ChatTemplate(defaultSystemPrompt: nil)

  @Test func whatIsWrittenIsReadAgain() {
    let turns = [
      ChatMessage(role: "system", content: "s"), ChatMessage(role: "user", content: " a\n\nb <b> "),
      ChatMessage(role: "assistant", content: "c\r\n"), ChatMessage(role: "user", content: ""),
      ChatMessage(role: "assistant", content: "é😀"),
    ]
    #expect(template.messages(in: template.text(turns, addGenerationPrompt: false)) == turns)
    #expect(template.messages(in: template.text(turns, addGenerationPrompt: true)) == turns)
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
}
