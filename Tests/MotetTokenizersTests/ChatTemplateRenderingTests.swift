import MotetTokenizers
import Testing

@Suite struct ChatTemplateRenderingTests {
  @Test func textsTokensAndMasksAreThoseOfTransformers() throws {
    let (chats, rows) = try ChatFixture.read()
    let tokenizer = try ChatFixture.tokenizer()
    var comparisons: [String: ChatComparison] = [:]
    for name in ChatFixture.names {
      let template = try ChatFixture.template(name)
      var comparison = ChatComparison()
      for row in rows
      where row.name == name
        && (!template.wantsParts || chats[row.chat].messages.allSatisfy { $0.parts != nil })
      {
        comparison.compare(row, chats[row.chat], template, with: tokenizer)
      }
      #expect(comparison.differences == 0, "\(name): \(comparison.examples.prefix(3))")
      comparisons[name] = comparison
    }
    #expect(comparisons.values.reduce(0) { $0 + $1.rendered } > 380)
    #expect(comparisons.values.reduce(0) { $0 + $1.refused } > 25)
    #expect(comparisons["generation"]?.masked ?? 0 > 40)
  }

  @Test func textsAreGivenAsPartsToTemplatesThatWriteNothingElse() throws {
    let template = try ChatFixture.template("parts")
    #expect(template.wantsParts)
    let text = try template.text([ChatMessage(role: "user", content: "Hi")], addGenerationPrompt: true)
    #expect(text == "<|bos|><|user|>Hi<|fin|>\n<|assistant|>")
    #expect(try !ChatFixture.template("thinking").wantsParts)
  }

  @Test func partsAreJoinedForTemplatesThatWriteNothingOfThem() throws {
    let message = ChatMessage(role: "user", parts: ["One.", " Two."])
    let silent = try ChatFixture.template("thinking").text([message], addGenerationPrompt: false)
    #expect(silent == "<|open|>user\nOne. Two.<|close|>\n")
    // This one would print the list.
    let failing = try ChatTemplate(builtIn: "llama3").text([message], addGenerationPrompt: false)
    #expect(failing.hasSuffix("One. Two.<|eot_id|>"))
  }

  @Test func argumentsAreObjectsAndTextForTemplatesThatWantText() throws {
    let messages = [
      ChatMessage(role: "user", content: "Add"),
      ChatMessage(
        role: "assistant", toolCalls: [.init(id: "123456789", name: "add", arguments: #"{"b":1,"a":[2.50]}"#)]
      ),
    ]
    let object = try ChatFixture.template("generation").text(messages, addGenerationPrompt: false)
    #expect(object.contains(#"{"name": "add", "arguments": {"b": 1, "a": [2.5]}}"#))
    let text = try ChatFixture.template("stripped").text(messages, addGenerationPrompt: false)
    #expect(text.contains("```json\n{\"b\":1,\"a\":[2.50]}\n```"))
  }

  @Test func argumentsOfTheCallTakePrecedenceOverThoseOfTheTemplate() throws {
    let template = try ChatFixture.template("thinking").setting(["enable_thinking": .bool(false)])
    let messages = [ChatMessage(role: "user", content: "Hi")]
    #expect(
      try template.text(messages, addGenerationPrompt: true).hasSuffix("assistant\n<think>\n\n</think>\n\n"))
    let inputs = ChatInputs(arguments: ["enable_thinking": .bool(true)])
    #expect(try template.text(messages, addGenerationPrompt: true, inputs: inputs).hasSuffix("assistant\n"))
    #expect(
      ChatArgument(parsing: "false") == .json("false") && ChatArgument(parsing: "26 Jul") == .string("26 Jul")
    )
  }

  @Test func aRefusalIsInTheTemplatesWordsAndSaysWhatToDo() throws {
    func refusal(_ name: String, _ messages: [ChatMessage]) throws -> String? {
      let template = try ChatFixture.template(name)
      let error = #expect(throws: ChatTemplateError.self) {
        try template.text(messages, addGenerationPrompt: true)
      }
      return error?.description
    }
    let user = ChatMessage(role: "user", content: "Hi")
    let system = try refusal("alternating", [ChatMessage(role: "system", content: "s"), user])
    #expect(
      system?.contains("System role not supported; put the system prompt into the first user turn") == true)
    let twice = try refusal("alternating", [user, user])
    #expect(twice?.contains("must alternate user/assistant; join turns of one role") == true)
    let tools = ChatInputs(tools: "[{]")
    let malformed = #expect(throws: ChatTemplateError.self) {
      try ChatFixture.template("thinking").text([user], addGenerationPrompt: false, inputs: tools)
    }
    #expect(
      malformed?.description.hasPrefix("malformed tools for the chat template: tools is not JSON: byte 2")
        == true)
  }

  @Test func aTemplateThatCannotBeReadIsNamedWithThePlace() {
    let error = #expect(throws: ChatTemplateError.self) {
      try ChatTemplate(jinja: "a\n{% include 'b' %}", origin: "x.jinja")
    }
    #expect(
      error?.description.hasPrefix(
        "the chat template x.jinja cannot be read: line 2, column 4: the tag {% include %} is not supported")
        == true)
  }
}
