import MotetTokenizers
import Testing

@Suite struct ChatLabelTests {
  private let tokenizer: Tokenizer

  init() throws { tokenizer = try ChatFixture.tokenizer() }

  private static let chat = [
    ChatMessage(role: "user", content: "One"), ChatMessage(role: "assistant", content: "Two"),
    ChatMessage(role: "user", content: "Three"), ChatMessage(role: "assistant", content: "Four"),
  ]

  @Test(arguments: [
    ("alternating", ["Two<turn_ends>", "Four<turn_ends>"]), ("headers", ["Two<|stop|>", "Four<|stop|>"]),
    // The end of the conversation has another token.
    ("channels", ["<|channel|>final<|message|>Two<|end|>", "<|channel|>final<|message|>Four<|return|>"]),
    // There is no generation prompt: the space before the answer is the model's.
    ("instructions", [" Two<|eos|>", " Four<|eos|>"]),
    // What follows the last end of turn is not the turn's.
    ("roles", ["Two<|done|>", "Four<|done|>"]),
    // The generation prompt opens reasoning that the turn does not have.
    ("stripped", ["Two<|eos|>", "Four<|eos|>"]), ("words", [" Two</s>", " Four</s>"]),
    ("parts", ["Two<|fin|>", "Four<|fin|>"]),
    ("schemas", ["Two<|end|>", "Four<|end|>"]), ("generation", ["Two<|out|>", "Four<|out|>"]),
    ("documents", ["Two<|end_text|>", "Four<|end_text|>"]),
    // Of the last turn the reasoning too, which the model writes itself.
    ("thinking", ["Two<|close|>", "<think>\n\n</think>\n\nFour<|close|>"]),
  ])
  func labelledIsWhatTheModelWritesItself(name: String, expected: [String]) throws {
    #expect(try ChatFixture.template(name).labelled(Self.chat, with: tokenizer) == expected)
  }

  @Test(arguments: ChatFixture.names)
  func turnsThatAreNotTrainedCarryNoLabel(name: String) throws {
    let template = try ChatFixture.template(name)
    let both = try template.labelled(Self.chat, with: tokenizer)
    #expect(try template.labelled(Self.chat, with: tokenizer, unlabelled: [1]) == [both[1]])
    #expect(try template.labelled(Self.chat, with: tokenizer, unlabelled: [3]) == [both[0]])
    #expect(try template.labelled(Self.chat, with: tokenizer, unlabelled: [1, 3]) == [])
    #expect(try template.labelled(Array(Self.chat.prefix(1)), with: tokenizer) == [])
  }

  @Test func callsAreLabelledAsTheAnswersTheyAre() throws {
    let messages = [
      ChatMessage(role: "user", content: "Weather?"),
      ChatMessage(
        role: "assistant", content: "",
        toolCalls: [.init(id: "123456789", name: "get", arguments: #"{"city": "Köln"}"#)]),
      ChatMessage(role: "tool", content: "Sun", name: "get"),
      ChatMessage(role: "assistant", content: "Sunny."),
    ]
    func labelled(_ name: String) throws -> [String] {
      try ChatFixture.template(name).labelled(messages, with: tokenizer)
    }
    #expect(
      try labelled("headers") == [
        #"{"name": "get", "parameters": {"city": "Köln"}}<|stop|>"#, "Sunny.<|stop|>",
      ])
    let listed = try labelled("instructions")
    #expect(
      listed == [
        #"[CALLS] [{"name": "get", "arguments": {"city": "Köln"}, "id": "123456789"}]<|eos|>"#,
        " Sunny.<|eos|>",
      ])
    // A turn that calls ends with a token of its own.
    #expect(
      try labelled("channels")[0]
        == #" to=functions.get<|channel|>commentary json<|message|>{"city": "Köln"}<|call|>"#)
    // The answer continues the turn that the results stand in.
    let stripped = try labelled("stripped")
    #expect(
      stripped == [
        "<|calls|><|one|>function<|sep|>get\n```json\n{\"city\": \"Köln\"}\n```<|/one|><|/calls|><|eos|>",
        "Sunny.<|eos|>",
      ])
    #expect(
      try labelled("thinking") == [
        "<call>{\"name\": \"get\", \"arguments\": {\"city\": \"Köln\"}}</call><|close|>",
        "<think>\n\n</think>\n\nSunny.<|close|>",
      ])
  }

  @Test func reasoningIsLabelledWhereItIsWritten() throws {
    let messages = [
      ChatMessage(role: "user", content: "One"),
      ChatMessage(role: "assistant", content: "Two", reasoning: "Hm."),
      ChatMessage(role: "user", content: "Three"),
      ChatMessage(role: "assistant", content: "<think>\nAha.\n</think>\n\nFour"),
    ]
    let labelled = try ChatFixture.template("thinking").labelled(messages, with: tokenizer)
    #expect(labelled == ["Two<|close|>", "<think>\nAha.\n</think>\n\nFour<|close|>"])
    let inputs = ChatInputs(arguments: ["enable_thinking": .bool(false)])
    let off = try ChatFixture.template("thinking").labelled(
      Array(Self.chat.prefix(2)), with: tokenizer, inputs: inputs)
    #expect(off == ["Two<|close|>"])
  }

  @Test func aSystemPromptThatMovesDoesNotMoveTheLabels() throws {
    let messages =
      [ChatMessage(role: "system", content: "S")] + Self.chat + [ChatMessage(role: "user", content: "Five")]
    let template = try ChatFixture.template("instructions")
    #expect(try template.text(messages, addGenerationPrompt: false).hasSuffix("[INST] S\n\nFive[/INST]"))
    #expect(try template.labelled(messages, with: tokenizer) == [" Two<|eos|>", " Four<|eos|>"])
  }

  @Test func emptyAnswersAreTheEndOfTheirTurn() throws {
    let messages = [ChatMessage(role: "user", content: "One"), ChatMessage(role: "assistant", content: "")]
    for (name, expected) in [
      ("alternating", "<turn_ends>"), ("headers", "<|stop|>"), ("roles", "<|done|>"), ("words", " </s>"),
    ] {
      #expect(try ChatFixture.template(name).labelled(messages, with: tokenizer) == [expected])
    }
  }

  @Test func manyTurnsAreLabelledAsFewAre() throws {
    let messages = (0..<30).map {
      ChatMessage(role: $0 % 2 == 0 ? "user" : "assistant", content: "turn \($0) <|done|>")
    }
    for name in ChatFixture.names where name != "thinking" {
      let template = try ChatFixture.template(name)
      let all = try template.labelled(messages, with: tokenizer)
      #expect(all.count == 15, "\(name)")
      for index in stride(from: 1, to: 29, by: 6) {
        let others = Set(messages.indices).subtracting([index])
        #expect(
          try template.labelled(messages, with: tokenizer, unlabelled: others) == [all[index / 2]], "\(name)")
      }
    }
  }

  @Test func aTemplateThatWritesNothingOfAnAnswerIsRefused() throws {
    let deaf = try ChatTemplate(
      jinja: "{% for m in messages %}{{ m.role ~ ':' }}{{ m.content if m.role == 'user' }}\n{% endfor %}")
    #expect(throws: ChatTemplateError.leftOut(turn: 2)) { try deaf.labelled(Self.chat, with: tokenizer) }
    #expect(try !deaf.tokens(Self.chat, with: tokenizer, addGenerationPrompt: false).isEmpty)
    let twice = try ChatTemplate(
      jinja: "{% for i in [1, 2] %}{% for m in messages %}{{ m.content }}{% endfor %}{% endfor %}")
    let error = #expect(throws: ChatTemplateError.self) { try twice.labelled(Self.chat, with: tokenizer) }
    #expect(error?.description.contains("the template mixes it with other turns") == true)
  }

  @Test func theTokensThatEndATurnAreFound() throws {
    func ends(_ name: String) throws -> Set<String> {
      Set(try ChatFixture.template(name).turnEnds(in: tokenizer).compactMap { tokenizer.token($0) })
    }
    #expect(try ends("headers") == ["<|stop|>"])
    #expect(try ends("roles") == ["<|done|>"])
    #expect(try ends("channels") == ["<|return|>", "<|end|>"])
    #expect(try ends("instructions") == ["<|eos|>"])
    #expect(try ends("words") == ["</s>"])
    #expect(
      try ChatTemplate(jinja: "{% for m in messages %}{{ m.content }}\n{% endfor %}").turnEnds(in: tokenizer)
        == [])
  }
}
