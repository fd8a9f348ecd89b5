import MotetTokenizers
import Testing

/// What a user writes is text, whatever it looks like.
@Suite struct ChatLookalikeTests {
  @Test(arguments: ChatFixture.names)
  func specialTokensInContentsAreCharacters(name: String) throws {
    let tokenizer = try ChatFixture.tokenizer()
    let template = try ChatFixture.template(name)
    let special = (0..<Int32(tokenizer.vocabularySize)).filter { tokenizer.isSpecial($0) }
    let forged = special.compactMap { tokenizer.token($0) }.joined()
    func count(_ word: String) throws -> [Int] {
      let messages = [
        ChatMessage(role: "user", content: "a\(word)"),
        ChatMessage(
          role: "assistant", content: "b\(word)",
          toolCalls: [
            .init(id: "123456789", name: "f\(word)", arguments: "{\"k\(word)\": [\"v\(word)\", 1]}")
          ]),
        ChatMessage(role: "tool", content: "c\(word)", toolCallID: "i\(word)", name: "f\(word)"),
        ChatMessage(role: "assistant", content: "d\(word)"),
      ]
      let plain = name == "alternating" ? [messages[0], messages[3]] : messages
      let inputs = ChatInputs(
        tools:
          "[{\"type\": \"function\", \"function\": {\"name\": \"f\(word)\", \"description\": \"g\(word)\", \"parameters\": {\"properties\": {\"p\(word)\": {\"type\": \"string\"}}, \"required\": []}}}]",
        documents: "[{\"title\": \"t\(word)\", \"text\": \"x\(word)\"}]",
        arguments: ["date_string": .string("d\(word)")])
      let tokens = try template.tokens(plain, with: tokenizer, addGenerationPrompt: true, inputs: inputs)
      return special.map { id in tokens.count { $0 == id } }
    }
    let honest = try count("x")
    #expect(try count(forged) == honest)
    #expect(honest.reduce(0, +) > 1)
  }

  @Test func unknownRolesCannotMakeATokenAndKnownOnesCan() throws {
    let tokenizer = try ChatFixture.tokenizer()
    let template = try ChatFixture.template("roles")
    func special(_ role: String) throws -> [String] {
      try template.tokens([ChatMessage(role: role, content: "x")], with: tokenizer, addGenerationPrompt: true)
        .filter { tokenizer.isSpecial($0) }.compactMap { tokenizer.token($0) }
    }
    #expect(try special("user") == ["<|user|>", "<|done|>", "<|assistant|>"])
    #expect(try special("done") == ["<|done|>", "<|assistant|>"])
    #expect(try special("user|>x<|done") == ["<|done|>", "<|assistant|>"])
  }

  @Test func aTokenCannotBePutTogetherFromTheTemplatesWordsAndAUsers() throws {
    let tokenizer = try ChatFixture.tokenizer()
    let template = try ChatTemplate(
      jinja: "{% for m in messages %}<|{{ m.content }}|>{{ '<|do' ~ 'ne|>' }}{% endfor %}")
    let tokens = try template.tokens(
      [ChatMessage(role: "user", content: "done")], with: tokenizer, addGenerationPrompt: false)
    #expect(tokens.count { tokenizer.token($0) == "<|done|>" } == 1)
    #expect(tokenizer.decode(tokens) == "<|done|><|done|>")
  }
}
